//! The date that a template may print. It is an option, and fixed by default: a judge's prompt, and so its verdict, must not
//! change from day to day.

use crate::{Error, Result};

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    year: u32,
    /// 1 to 12.
    month: u32,
    /// From 1.
    day: u32,
}

/// Llama 3's templates print this date where they are given none.
impl Default for Date {
    fn default() -> Self {
        Date { year: 2024, month: 7, day: 26 }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Date {
    /// From `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Date> {
        let wrong = || {
            Error::InvalidArgument(format!(
                "`date` is {text:?}; it is a day as YYYY-MM-DD, such as 2024-07-26"
            ))
        };
        let parts: Vec<u32> =
            text.split('-').map(|part| part.parse().map_err(|_| wrong())).collect::<Result<_>>()?;
        let &[year, month, day] = &parts[..] else { return Err(wrong()) };
        let date = Date { year, month, day };
        let known = (1..=9999).contains(&year) && (1..=12).contains(&month);
        if text.len() == 10 && known && (1..=date.month_length()).contains(&day) {
            Ok(date)
        } else {
            Err(wrong())
        }
    }

    fn month_length(self) -> u32 {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => 31,
        }
    }

    /// The day of the year, from 1.
    fn ordinal(self) -> u32 {
        (1..self.month).map(|month| Date { month, ..self }.month_length()).sum::<u32>() + self.day
    }

    /// 0 for Sunday.
    fn weekday(self) -> usize {
        let past = self.year - 1;
        ((past + past / 4 - past / 100 + past / 400 + self.ordinal()) % 7) as usize
    }

    /// As C's and Python's `strftime` in the C locale, at midnight UTC. An unknown directive stays as it is.
    pub fn format(self, format: &str) -> String {
        let mut out = String::new();
        let mut rest = format.chars();
        while let Some(c) = rest.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            // `%-d`, as glibc has it: without the leading zero.
            let mut directive = rest.next();
            let bare = directive == Some('-');
            if bare {
                directive = rest.next();
            }
            match directive.and_then(|directive| self.field(directive)) {
                Some(field) if bare && field.starts_with(|c: char| c.is_ascii_digit()) => {
                    let number = field.trim_start_matches('0');
                    out.push_str(if number.is_empty() { "0" } else { number });
                }
                Some(field) => out.push_str(&field),
                None => {
                    out.push('%');
                    out.extend(bare.then_some('-'));
                    out.extend(directive);
                }
            }
        }
        out
    }

    fn field(self, directive: char) -> Option<String> {
        let Date { year, month, day } = self;
        let (month_name, day_name) = (MONTHS[month as usize - 1], DAYS[self.weekday()]);
        Some(match directive {
            'Y' => format!("{year:04}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{month:02}"),
            'd' => format!("{day:02}"),
            'e' => format!("{day:2}"),
            'j' => format!("{:03}", self.ordinal()),
            'B' => month_name.into(),
            'b' | 'h' => month_name[..3].into(),
            'A' => day_name.into(),
            'a' => day_name[..3].into(),
            'w' => self.weekday().to_string(),
            'u' => ((self.weekday() + 6) % 7 + 1).to_string(),
            'F' => format!("{year:04}-{month:02}-{day:02}"),
            'D' | 'x' => format!("{month:02}/{day:02}/{:02}", year % 100),
            'H' | 'M' | 'S' => "00".into(),
            'I' => "12".into(),
            'p' => "AM".into(),
            'T' | 'X' => "00:00:00".into(),
            'R' => "00:00".into(),
            'c' => format!("{} {} {day:2} 00:00:00 {year}", &day_name[..3], &month_name[..3]),
            'Z' => "UTC".into(),
            'z' => "+0000".into(),
            '%' => "%".into(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    /// As Python prints the same dates.
    #[test]
    fn dates_are_printed_as_strftime_prints_them() {
        for (date, format, text) in [
            ("2024-07-26", "%d %b %Y", "26 Jul 2024"),
            ("2024-07-26", "%B %d, %Y (%A)", "July 26, 2024 (Friday)"),
            ("2026-01-05", "%-d.%-m.%y %a %j %w %u", "5.1.26 Mon 005 1 1"),
            ("2000-02-29", "%F %e %U", "2000-02-29 29 %U"),
            ("1999-12-31", "100%% %Q %", "100% %Q %"),
            ("2023-01-01", "%c", "Sun Jan  1 00:00:00 2023"),
            ("2023-01-01", "%u %j %-H", "7 001 0"),
        ] {
            assert_eq!(Date::parse(date).unwrap().format(format), text);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["", "today", "2024-7-26", "2023-02-29", "2024-13-01", "2024-00-10", "0000-01-01", "2024-01-01-1"]
        {
            assert!(Date::parse(text).is_err(), "{text}");
        }
    }
}
