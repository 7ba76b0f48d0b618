//! Pre-tokenizers by the names that GGUF files give them: how each cuts text into words.
//!
//! The names are those that llama.cpp reads. Where it simplifies a pattern that a model was published with, the published
//! pattern stands here, since the model was trained with it.

use super::alphabet::Letters;

/// A cut of text into parts. Several run one after another, each on the parts that the one before made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    /// What matches is a part, and what lies between matches.
    At(&'static str),
    /// The same for this pattern, then `\s+(?!\S)|\s+`: a run of white space, without its last character if something
    /// follows.
    Words(&'static str),
    /// The same, with runs of white space cut into powers of two.
    WordsAndPowers(&'static str),
    /// Matches are digits, which are cut into groups of three from the right.
    Thousands(&'static str),
    /// The same, but not where a letter follows.
    ThousandsAlone(&'static str),
}

/// What files with one of these names have in common.
#[derive(Debug)]
pub(super) struct Row {
    pub names: &'static [&'static str],
    pub cuts: &'static [Cut],
    pub whole: Whole,
    /// Whether a prompt begins with a BOS where the file does not say.
    pub bos: bool,
    pub letters: Letters,
}

/// Words that are one token if the vocabulary has them, without merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    None,
    All,
    LineBreaks,
}

use Cut::{At, Thousands, ThousandsAlone, Words, WordsAndPowers};

const fn row(names: &'static [&'static str], cuts: &'static [Cut]) -> Row {
    Row { names, cuts, whole: Whole::None, bos: false, letters: Letters::Bytes }
}

const fn whole(row: Row) -> Row {
    Row { whole: Whole::All, ..row }
}

const fn bos(row: Row) -> Row {
    Row { bos: true, ..row }
}

const fn letters(letters: Letters, row: Row) -> Row {
    Row { letters, ..row }
}

pub(super) const ROWS: &[Row] = &[
    bos(whole(row(
        &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        &[Words(LLAMA_3)],
    ))),
    row(&["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], &[Words(LLAMA_3)]),
    row(&["jais-2"], &[WordsAndPowers(LLAMA_3)]),
    row(
        &[
            "qwen2",
            "deepseek-r1-qwen",
            "kormo",
            "f2llmv2",
            "megrez",
            "stablelm2",
            "hunyuan",
            "solar-open",
            "grok-2",
        ],
        &[Words(QWEN_2)],
    ),
    row(&["laguna"], &[At(LINES), Words(QWEN_2)]),
    row(&["qwen35"], &[Words(QWEN_35)]),
    row(&["ufakzeka"], &[Words(UFAKZEKA)]),
    row(&["seed-coder"], &[Words(SEED_CODER)]),
    row(&["bailingmoe", "bailingmoe2", "llada-moe"], &[Words(BAILING)]),
    row(&["exaone-moe"], &[Words(EXAONE_MOE)]),
    whole(row(&["minicpm5"], &[At(r"\p{N}{1,3}"), Words(MINICPM_5)])),
    row(&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], &[Words(GPT_4O)]),
    whole(row(&["granite-embed-multi-97m"], &[Words(GPT_4O)])),
    row(&["tiny_aya", "cohere2moe"], &[ThousandsAlone(r"\p{Nd}+"), Words(GPT_4O)]),
    bos(whole(row(&["tekken"], &[Words(TEKKEN)]))),
    row(&["kimi-k2"], &[Words(KIMI_K2)]),
    whole(row(&["youtu"], &[At(YOUTU_SCRIPTS), Words(YOUTU)])),
    row(
        &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        &[At(r"\p{N}{1,3}"), At(CJK), Words(DEEPSEEK_3)],
    ),
    row(&["spark2_5"], &[At(r"\p{N}{1,3}"), At(CJK), Words(SPARK), At(r"\p{N}")]),
    row(&["afmoe"], &[Thousands(r"\p{N}+"), At(ASIAN), Words(DEEPSEEK_3)]),
    row(
        &["deepseek-llm"],
        &[
            At(r"[\r\n]"),
            At(DEEPSEEK_LLM_LETTERS),
            At(DEEPSEEK_LLM_SIGNS),
            At(r"\s+$"),
            At(DEEPSEEK_CJK),
            At(r"\p{N}+"),
        ],
    ),
    row(
        &["deepseek-coder"],
        &[At(r"[\r\n]"), At(r"\s?\p{L}+"), At(r"\s?\p{P}+"), At(DEEPSEEK_CJK), At(r"\p{N}")],
    ),
    row(&["falcon"], &[At(r"[\p{P}\$\+<=>\^~\|`]+"), Words(GPT_2), At("[0-9][0-9][0-9]")]),
    row(
        &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
        &[At(r"\p{N}"), Words(GPT_2)],
    ),
    row(
        &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "exaone4",
            "trillion",
            "granite-docling",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "jina-es",
            "jina-de",
            "jina-v1-en",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v2-code",
            "roberta-bpe",
        ],
        &[Words(GPT_2)],
    ),
    row(&["poro-chat", "bloom", "gpt3-finnish"], &[At(BLOOM)]),
    row(&["viking"], &[At(BLOOM), At(r"\p{N}")]),
    row(&["superbpe"], &[At(r"\p{N}+"), Thousands(r"\p{Nd}+")]),
    bos(row(
        &["chameleon"],
        &[
            At("<sentinel:[0-9]+>"),
            At("IMGIMG[A-I]{1,4}Z"),
            At(r"[\t\n]|    |  "),
            At(r"\p{N}"),
            At(r"[\p{P}!-/:-@\[-`{-~]"),
            Words(GPT_2),
        ],
    )),
    Row {
        whole: Whole::LineBreaks,
        ..bos(letters(Letters::Spaced, row(&["gemma4", "granite-embed-multi-311m"], &[At(LINES)])))
    },
    letters(Letters::Spaced, row(&["sarvam-moe"], &[At(LINES)])),
    letters(Letters::Characters, row(&["whitespace"], &[At(r"\S+")])),
    // Also for files that name none.
    row(&["default"], &[At(r"[\p{P}\$\+<=>\^~\|]+"), Words(GPT_2), At(r"\p{N}+"), At("[0-9][0-9][0-9]")]),
];

/// Contractions, letters, numbers and signs, each with one space before them.
const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+";
/// Contractions, words with one leading sign, up to three digits, signs with line breaks, white space.
const LLAMA_3: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
/// The same with single digits.
const QWEN_2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
/// The same with accents in words.
const QWEN_35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+";
/// Qwen 2's without contractions, for Turkish suffixes.
const UFAKZEKA: &str = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
/// Qwen 2's with signs apart from line breaks.
const SEED_CODER: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+";
/// Qwen 2's with runs of white space that end with the last line break.
const BAILING: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]";
/// Words with accents, several to a part with single spaces between.
const EXAONE_MOE: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]";
/// Qwen 2's with whole numbers.
const MINICPM_5: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
/// Words that are cut where a capital follows a small letter, with their contractions; up to three digits.
const GPT_4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+";
/// The same without contractions, and with single digits.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+";
/// GPT-4o's with Chinese characters apart.
const KIMI_K2: &str = r"\p{Han}+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";
/// Hangul, Chinese signs, Bopomofo, Chinese characters and kana.
const YOUTU_SCRIPTS: &str = "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+";
/// GPT-4o's with single digits.
const YOUTU: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+";
/// Chinese characters and kana.
const CJK: &str = "[一-龥぀-ゟ゠-ヿ]+";
/// These and Hangul, Thai, Lao, Khmer and Burmese.
const ASIAN: &str = "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟\u{e40}-\u{e7f}\u{e80}-\u{eff}\u{1780}-\u{17ff}\u{1000}-\u{109f}\u{aa60}-\u{aa7f}\u{a9e0}-\u{a9ff}가-\u{d7af}ᄀ-ᇿ]+";
/// A sign with Latin letters, words with accents, signs with line breaks.
const DEEPSEEK_3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+"##;
/// The same with single line breaks.
const SPARK: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]"##;
/// Letters of the scripts that have capitals.
const DEEPSEEK_LLM_LETTERS: &str = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
const DEEPSEEK_LLM_SIGNS: &str = r"\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+";
const DEEPSEEK_CJK: &str = r"[一-龥ࠀ-一가-\u{d7ff}]+";
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";
/// Runs of line breaks, and what lies between them.
const LINES: &str = r"[^\n]+|\n+";
