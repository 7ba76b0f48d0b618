//! Scores as the levels of a scale: numbers that are equal where they look equal.

use crate::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A score: −1, 0, 0.5 or 100. Its text is the shortest decimal, as JSON and JavaScript write it, so that each level has one
/// name.
#[derive(Debug, Clone, Copy)]
pub struct Level(f64);

/// Integers up to here are exact, and no level is written with an exponent.
const GREATEST: f64 = 1e15;
/// A number as people write one. More digits would be another number as soon as somebody rounds.
const MOST_CHARS: usize = 17;

impl Level {
    /// Fails for what is no number that a scale could have.
    pub fn new(value: f64) -> Result<Level> {
        // −0 would be a second name for 0.
        let level = Level(value + 0.0);
        match value.abs() <= GREATEST && level.to_string().len() <= MOST_CHARS {
            true => Ok(level),
            false => Err(Error::InvalidArgument(format!(
                "{value} is no score; scores are numbers such as 3, -1 or 0.5"
            ))),
        }
    }

    pub fn value(self) -> f64 {
        self.0
    }

    pub fn is_integer(self) -> bool {
        self.0.fract() == 0.0
    }
}

impl From<i32> for Level {
    fn from(value: i32) -> Level {
        Level(f64::from(value))
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Reads only the text that [`Display`](fmt::Display) writes: `01`, `1.0` and `1e0` would be further names for 1.
    fn from_str(text: &str) -> Result<Level> {
        let level = text.parse().ok().and_then(|value| Level::new(value).ok());
        level.filter(|level| level.to_string() == text).ok_or_else(|| {
            Error::InvalidArgument(format!(
                "{text:?} is no score; scores are numbers in their shortest form, such as 3, -1 or 0.5"
            ))
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl PartialEq for Level {
    fn eq(&self, other: &Level) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Level {}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Level) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Level {
    fn cmp(&self, other: &Level) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Serialize for Level {
    /// As a number; an integer without a fraction.
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.is_integer() {
            true => serializer.serialize_i64(self.0 as i64),
            false => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Level, D::Error> {
        Level::new(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_one_name() {
        for text in ["0", "1", "-1", "10", "0.5", "-0.25", "100", "0.1"] {
            let level: Level = text.parse().unwrap();
            assert_eq!(level.to_string(), text);
            assert_eq!(serde_json::to_string(&level).unwrap(), text);
            assert_eq!(serde_json::from_str::<Level>(text).unwrap(), level);
        }
        for text in
            ["", " 1", "01", "1.0", "+1", "-0", ".5", "1e3", "inf", "NaN", "1e300", "0.1000000000000000001"]
        {
            assert!(text.parse::<Level>().is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Level>("-0.0").unwrap(), Level::from(0));
        assert!(Level::new(f64::NAN).is_err() && Level::new(1.0 / 3.0).is_err());
    }
}
