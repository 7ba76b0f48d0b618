//! What a dataset costs in memory: a row, and not the file; and what a report of it costs. Alone in its program, because it
//! counts every allocation.

use lunette::eval::Report;
use lunette::eval::dataset::{Columns, Dataset};
use lunette::eval::run::{Line, Lines, Terms, settings};
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held while bytes are counted: they are those of all threads.
static COUNTED: Mutex<()> = Mutex::new(());

/// The most bytes that `work` holds at a time.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    PEAK.load(Relaxed) - before
}

/// A file that is written while it is read: its beginning, `rows` pieces, its end.
struct Endless {
    rows: usize,
    next: usize,
    ends: [&'static str; 3],
    piece: fn(usize) -> String,
    open: Vec<u8>,
    /// Bytes of it that were read.
    given: usize,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.open.len() {
            self.given = 0;
            let [start, between, end] = self.ends;
            self.open = match self.next {
                0 => start.into(),
                i if i <= self.rows => {
                    format!("{}{}", if i > 1 { between } else { "" }, (self.piece)(i)).into()
                }
                i if i == self.rows + 1 => end.into(),
                _ => return Ok(0),
            };
            self.next += 1;
            if self.open.is_empty() {
                return self.read(into);
            }
        }
        let rest = &self.open[self.given..];
        let count = into.len().min(rest.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

fn dataset(name: &str, rows: usize, ends: [&'static str; 3], piece: fn(usize) -> String) -> Dataset {
    let open = move || {
        let file = Endless { rows, next: 0, ends, piece, open: Vec::new(), given: 0 };
        Ok(Box::new(BufReader::new(file)) as Box<dyn BufRead>)
    };
    Dataset::new(open, name, None, Columns::new()).unwrap()
}

fn object(i: usize) -> String {
    json!({ "id": i, "input": format!("question {i}"), "response": "moon ".repeat(40), "label": i % 5 + 1 })
        .to_string()
}

#[test]
fn rows_pass_through_and_do_not_stay() {
    let _alone = COUNTED.lock().unwrap();
    const ROWS: usize = 100_000;
    // Of the file, some 25 MB, no more than the buffers may be held.
    for (name, ends, piece) in [
        ("a.jsonl", ["", "\n", "\n"], object as fn(usize) -> String),
        ("a.json", ["[", ",\n", "]"], object),
        ("b.json", ["{\"version\": 1, \"instances\": [", ",\n", "], \"end\": {}}"], object),
        ("a.csv", ["id,input,response,label\n", "\n", "\n"], |i| {
            format!("{i},question {i},\"{}\",{}", "moon, ".repeat(40), i % 5 + 1)
        }),
    ] {
        let mut count = 0;
        let held = peak(|| {
            let dataset = dataset(name, ROWS, ends, piece);
            let read = dataset.rows(&mut |row| {
                let row = row.unwrap();
                count += 1;
                assert_eq!(row.id, Some(count.to_string()));
                // What a judge's writer would do with it.
                let line = serde_json::to_vec(&json!({ "row": count, "task": row.task })).unwrap();
                io::Write::write_all(&mut io::sink(), &line).unwrap();
                ControlFlow::Continue(())
            });
            read.unwrap();
        });
        assert_eq!(count, ROWS, "{name}");
        assert!(held < 1 << 20, "{name}: {held} bytes");
    }

    // One row of 50 MB is read; one of more than 64 MiB has a reason, and takes no more than that.
    let huge = |i: usize| {
        format!("{{\"input\": \"{i}\", \"response\": \"{}\"}}", "m".repeat(if i == 2 { 50 << 20 } else { 5 }))
    };
    let over = |i: usize| {
        format!("{{\"input\": \"{i}\", \"response\": \"{}\"}}", "m".repeat(if i == 2 { 80 << 20 } else { 5 }))
    };
    for (name, ends, behind) in [("a.jsonl", ["", "\n", "\n"], true), ("a.json", ["[", ",\n", "]"], false)] {
        let lengths = |piece: fn(usize) -> String| {
            let mut found = Vec::new();
            let read = dataset(name, 3, ends, piece).rows(&mut |row| {
                found.push(
                    row.map(|row| row.task["response"].as_str().unwrap().len()).map_err(|bad| bad.reason),
                );
                ControlFlow::Continue(())
            });
            read.unwrap();
            found
        };
        assert_eq!(lengths(huge), [Ok(5), Ok(50 << 20), Ok(5)], "{name}");
        let found = lengths(over);
        assert!(found[1].as_ref().unwrap_err().contains("longer than 64 MiB"), "{found:?}");
        // Within a list, nothing tells where the next row begins.
        assert_eq!(found.len(), if behind { 3 } else { 2 }, "{name}");
    }

    // A quote that is never closed makes the rest of a table one field.
    let mut found = Vec::new();
    let open =
        |i: usize| if i == 2 { format!("i,\"{}", "moon\n".repeat(16 << 20)) } else { "i,r".to_string() };
    let read = dataset("a.csv", 3, ["input,response\n", "\n", "\n"], open).rows(&mut |row| {
        found.push(row.map(|row| row.line).map_err(|bad| (bad.line, bad.reason)));
        ControlFlow::Continue(())
    });
    read.unwrap();
    assert_eq!((found.len(), &found[0]), (2, &Ok(2)));
    let (line, why) = found[1].as_ref().unwrap_err();
    assert!(*line == 3 && why.contains("longer than 64 MiB") && why.contains("quote"), "{line}: {why}");
}

#[test]
fn a_report_of_many_rows_fits() {
    const ROWS: usize = 100_000;
    const MOST: usize = 300 << 20;
    let rubric = json!({ "name": "moony", "task": "score",
        "rubric": { "objective": "Is it moony?", "scale": { "1": "No.", "2": "", "3": "", "4": "", "5": "Yes." } } });
    // A line of results, as a judge that needs no model leaves it.
    let line = |i: usize| {
        let p = |level: usize| if level == i % 5 { 0.6 } else { 0.1 };
        json!({ "row": i, "id": i.to_string(), "task": { "input": format!("question {i}"), "response": "moon ".repeat(40) },
            "labels": { "moony": [1 + (i * 7) % 5] },
            "verdicts": { "moony": { "score": 1 + i % 5, "expected": 1.5 + (i % 5) as f64 / 2.0,
                "distribution": { "1": p(0), "2": p(1), "3": p(2), "4": p(3), "5": p(4) }, "critique": null } } })
            .to_string()
    };
    let _alone = COUNTED.lock().unwrap();
    let mut sizes = Vec::new();
    let held = peak(|| {
        let rubrics: Vec<Terms> = vec![serde_json::from_value(rubric).unwrap()];
        let mut lines = Lines::new(rubrics);
        for i in 0..ROWS {
            lines.push(&serde_json::from_str::<Line>(&line(i)).unwrap()).unwrap();
        }
        let settings = settings(lines.rubrics(), 0, lines.len());
        let report = Report::of(lines.graded(), &settings).unwrap();
        // One at a time, as the terminal writes them.
        sizes.push(report.to_json().unwrap().len());
        sizes.push(report.to_html().unwrap().len());
        sizes.push(report.to_csv().len());
        sizes.push(report.to_junit().unwrap().len());
        sizes.push(report.to_markdown().unwrap().len());
    });
    assert!(sizes[0] > 40 << 20, "{sizes:?}");
    assert!(held < MOST, "{held} bytes, for texts of {sizes:?}");
}
