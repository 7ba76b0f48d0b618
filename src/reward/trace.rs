//! Q token by token, and where it falls.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// Of each token of the response, −1 to 1.
    pub q: Vec<f32>,
    /// The least of it, behind the tokens that do not count; `None` for a response of no more than these.
    pub minimum: Option<Minimum>,
    /// The first token that counts and is below the threshold.
    pub fall: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Minimum {
    pub q: f32,
    /// The token.
    pub at: usize,
}

impl Trace {
    pub(super) fn new(q: Vec<f32>, ignore: usize, threshold: f32) -> Trace {
        let counted = || q.iter().copied().enumerate().skip(ignore);
        let least = counted().min_by(|(_, a), (_, b)| a.total_cmp(b));
        let fall = counted().find(|(_, q)| *q < threshold).map(|(at, _)| at);
        Trace { minimum: least.map(|(at, q)| Minimum { q, at }), fall, q }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tokens_do_not_count() {
        let trace = Trace::new(vec![-0.9, 0.5, 0.1, -0.2, -0.4, 0.3], 2, 0.0);
        assert_eq!((trace.minimum, trace.fall), (Some(Minimum { q: -0.4, at: 4 }), Some(3)));
        let trace = Trace::new(vec![-0.9, 0.5], 2, 0.0);
        assert_eq!((trace.minimum, trace.fall), (None, None));
        let trace = Trace::new(vec![0.3, 0.2], 0, 0.2);
        assert_eq!((trace.minimum, trace.fall), (Some(Minimum { q: 0.2, at: 1 }), None));
    }
}
