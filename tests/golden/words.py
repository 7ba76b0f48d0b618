"""Writes words.json: how Python's `regex` cuts texts by the pre-tokenizers' published patterns, lookahead and all.

Run as `python3 words.py > words.json`, with the package `regex` (2026 or later).
"""

import json
import sys

import regex

CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
HEAD = r"[^\r\n\p{L}\p{N}]?"
SPACE = r"\s+(?!\S)|\s+"
GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|" + SPACE
SIGNS = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"
DEEPSEEK_3 = SIGNS + r"[\r\n]*|\s*[\r\n]+|" + SPACE
HAN_UPPER = r"(?:(?!\p{Han})" + UPPER + ")"
HAN_LOWER = r"(?:(?!\p{Han})" + LOWER + ")"


def llama(numbers, space=SPACE):
    rest = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    return CONTRACTION + "|" + HEAD + r"\p{L}+|" + numbers + rest + space


def cased(contraction, numbers, ends="[\\r\\n/]*", upper=UPPER, lower=LOWER):
    words = f"{HEAD}{upper}*{lower}+{contraction}|{HEAD}{upper}+{lower}*{contraction}"
    return f"{words}|{numbers}| ?[^\\s\\p{{L}}\\p{{N}}]+{ends}|\\s*[\\r\\n]+|{SPACE}"


POWERS = "|".join(r"\s{%d}(?!\S)" % (1 << n) for n in range(9, 1, -1)) + r"|\s{1,2}(?!\S)|\s{1}"
GPT_4O = cased(f"{CONTRACTION}?", r"\p{N}{1,3}")
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
CJK = "[一-龥\u3040-ゟ゠-ヿ]+"

PATTERNS = {
    "llama-bpe": [llama(r"\p{N}{1,3}")],
    "jais-2": [llama(r"\p{N}{1,3}", POWERS)],
    "qwen2": [llama(r"\p{N}")],
    "laguna": [r"[^\n]+|[\n]+", llama(r"\p{N}")],
    "qwen35": [
        CONTRACTION + "|" + HEAD + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|" + SPACE
    ],
    "ufakzeka": [HEAD + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|" + SPACE],
    "seed-coder": [
        CONTRACTION + "|" + HEAD + r"\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|" + SPACE
    ],
    "bailingmoe": [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|" + SPACE
    ],
    "exaone-moe": [
        CONTRACTION
        + "|"
        + HEAD
        + r"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|"
        + SPACE
    ],
    "minicpm5": [r"\p{N}{1,3}", llama(r"\p{N}+")],
    "gpt-4o": [GPT_4O],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", GPT_4O],
    "tekken": [cased("", r"\p{N}")],
    "kimi-k2": [r"\p{Han}+|" + cased(f"{CONTRACTION}?", r"\p{N}{1,3}", r"[\r\n]*", HAN_UPPER, HAN_LOWER)],
    "youtu": [
        "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+",
        cased(f"{CONTRACTION}?", r"\p{N}"),
    ],
    "deepseek-v3": [r"\p{N}{1,3}", CJK, DEEPSEEK_3],
    "spark2_5": [r"\p{N}{1,3}", CJK, SIGNS + r"|[\r\n]|" + SPACE, r"\p{N}"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT_2, "[0-9][0-9][0-9]"],
    "smollm": [r"\p{N}", GPT_2],
    "gpt-2": [GPT_2],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "chameleon": [
        "<sentinel:[0-9]+>",
        "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
        r"([\t\n]|    |  )",
        r"\p{N}",
        r"[\p{P}!-/:-@\[-`{-~]",
        GPT_2,
    ],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT_2, r"\p{N}+", "[0-9][0-9][0-9]"],
}

TEXTS = [
    "It's WE'LL cost $12345.67, naïve 東京\u00a0(x+=1);\r\n\n  \tif a  b:   \n**Result:** 5 🌙!  ",
    "  leading, and getHTTPResponse ÉTÉ été Éte'D don'T x1234567 1234567x 1234567 12 123 1234 ½² ３４５６",
    "\n\n\n \n  x\n \t \n" + " " * 21 + "y" + " " * 600 + "z" + " " * 7,
    "日本語のテキスト、漢字ひらがな。한국어 문장！ 中文，字符 ไทย हिन्दी का नमूना العربية، نص עברית e\u0301te\u0301 A\u0301B",
    "<sentinel:12>IMGIMGABCZ/path/to/\n\n//\n`code` ~x~ a|b ^c^ [d] {e} \\f\\ 'g' \"h\" …—“q” !!! ?!\r\n\r\n%&",
    "a b c\u0301 d  e\u2003\u2003f\u0085g\u200bhi\ufeffj\U0001f468\u200d\U0001f469 \u01c5 \u02b0 \u1e9e ",
    "1", " ", "\n", "x", "'", "\r\n", "\t\tx", " 1", "12'34",
]


def cut(pattern, text):
    """Matches, and what lies between them."""
    parts, end = [], 0
    for match in regex.finditer(pattern, text, regex.V0):
        parts += [text[end : match.start()], match[0]]
        end = match.end()
    return [part for part in [*parts, text[end:]] if part]


def words(patterns, text):
    parts = [text]
    for pattern in patterns:
        parts = [part for whole in parts for part in cut(pattern, whole)]
    return parts


table = {name: [words(patterns, text) for text in TEXTS] for name, patterns in PATTERNS.items()}
json.dump(table, sys.stdout, ensure_ascii=True, separators=(",", ":"))
print()
