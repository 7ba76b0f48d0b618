//! What can be said of a verdict whatever its task.

use super::row::Grade;

impl Grade {
    /// What the judge said, as a text.
    pub fn answer(&self) -> Option<String> {
        match self {
            Grade::Score { verdict, .. } => verdict.as_ref().map(|verdict| verdict.score.to_string()),
            Grade::Classify { verdict, .. } => verdict.as_ref().map(|verdict| verdict.label.clone()),
            Grade::Compare { verdict, .. } => verdict.as_ref().map(|verdict| verdict.winner.name().into()),
        }
    }

    /// The expected score or p(A); a class has no number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Grade::Score { verdict, .. } => verdict.as_ref().map(|verdict| verdict.expected),
            Grade::Compare { verdict, .. } => verdict.as_ref().map(|verdict| verdict.probability_a),
            Grade::Classify { .. } => None,
        }
    }

    /// Whether both orders of a comparison name the same winner.
    pub fn consistent(&self) -> Option<bool> {
        match self {
            Grade::Compare { verdict, .. } => verdict.as_ref()?.consistent,
            _ => None,
        }
    }

    /// What each rater said.
    pub fn human(&self) -> Vec<Option<String>> {
        match self {
            Grade::Score { human, .. } => {
                human.iter().map(|value| value.map(|value| value.to_string())).collect()
            }
            Grade::Classify { human, .. } => human.clone(),
            Grade::Compare { human, .. } => {
                human.iter().map(|winner| winner.map(|winner| winner.name().into())).collect()
            }
        }
    }

    /// p(label) of each label.
    pub fn distribution(&self) -> Vec<(String, f64)> {
        match self {
            Grade::Score { verdict: Some(verdict), .. } => {
                verdict.distribution.iter().map(|(level, p)| (level.to_string(), *p)).collect()
            }
            Grade::Classify { verdict: Some(verdict), .. } => verdict.distribution.clone(),
            Grade::Compare { verdict: Some(verdict), .. } => {
                vec![("a".into(), verdict.probability_a), ("b".into(), 1.0 - verdict.probability_a)]
            }
            _ => Vec::new(),
        }
    }
}
