//! Parquet files, decoded by a process of the program's own.

mod support;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs;
use std::sync::Arc;
use support::{Run, Workplace};

const SCHEMA: &str = "message rows {
    required binary question (UTF8); required binary answer (UTF8); optional double label;
    optional group tags (LIST) { repeated group list { optional binary element (UTF8); } }
}";

fn texts(values: &[&str]) -> Vec<ByteArray> {
    values.iter().map(|value| ByteArray::from(*value)).collect()
}

/// Two rows; the second has no label and no tags.
fn file(compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for values in [["Name a moon.", "Another, \"please\"."], ["Io", "Europa\nor Callisto"]] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts(&values), None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[4.5], Some(&[1, 0]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let (levels, starts) = ([3, 3, 0], [0, 1, 0]);
    column.typed::<ByteArrayType>().write_batch(&texts(&["a", "b"]), Some(&levels), Some(&starts)).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// The rows as the decoding process prints them.
fn decoded(place: &Workplace, bytes: &[u8]) -> Run {
    fs::write(place.path("rows.parquet"), bytes).unwrap();
    place.run(&["parquet-lines", "rows.parquet"], "")
}

fn preview(place: &Workplace) -> Run {
    place.run(&["evaluate", "--data=rows.parquet", "--rubric=score.yaml", "--preview"], "")
}

#[test]
fn rows_are_lines() {
    use Compression::{BROTLI, GZIP, LZ4_RAW, SNAPPY, UNCOMPRESSED, ZSTD};
    let place = Workplace::new("parquet-rows");
    let expected = "{\"question\":\"Name a moon.\",\"answer\":\"Io\",\"label\":4.5,\"tags\":[\"a\",\"b\"]}\n\
        {\"question\":\"Another, \\\"please\\\".\",\"answer\":\"Europa\\nor Callisto\",\"label\":null,\"tags\":null}\n";
    let (brotli, gzip, zstd) = (Default::default(), Default::default(), Default::default());
    for compression in [UNCOMPRESSED, SNAPPY, GZIP(gzip), BROTLI(brotli), ZSTD(zstd), LZ4_RAW] {
        let run = decoded(&place, &file(compression));
        assert_eq!((run.code, run.stdout.as_str()), (0, expected), "{compression:?}");
    }
    let shown = preview(&place);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("input = question") && shown.stdout.contains("Europa"), "{}", shown.stdout);
}

/// Whatever a byte becomes: there are rows, or the file is said to be damaged.
#[test]
fn a_damaged_file_is_an_error() {
    let place = Workplace::new("parquet-damaged");
    let whole = file(Compression::SNAPPY);
    let mut refused = 0;
    for at in (4..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(place.path("rows.parquet"), &bytes).unwrap();
        let run = preview(&place);
        assert!([0, 2].contains(&run.code), "byte {at}: {}: {}", run.code, run.stderr);
        refused += usize::from(run.stderr.contains("the Parquet file is damaged"));
    }
    assert!(refused > 20, "{refused} files");
    fs::write(place.path("rows.parquet"), &whole[..whole.len() / 2]).unwrap();
    let run = preview(&place);
    assert!(run.code == 2 && run.stderr.contains("the Parquet file is damaged"), "{}", run.stderr);
}
