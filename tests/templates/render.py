"""python render.py TEMPLATES OUT: what Jinja2 makes of each template, set up as Hugging Face's transformers sets it up.

Writes a JSON list of {template, conversation, generation, text or error}. Tools and documents are None, as transformers has
them; a template that fails so is rendered without them, as llama.cpp does.
"""

import datetime
import json
import sys
from pathlib import Path

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

# The date that a judge's prompts have, so that verdicts repeat.
TODAY = datetime.datetime(2024, 7, 26)


class Generation(Extension):
    """`{% generation %}…{% endgeneration %}` marks what the model wrote. The text stays as it is."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = TODAY.strftime
    return env


def render(template, known):
    error = None
    for more in ({"tools": None, "documents": None}, {}):
        try:
            return {"text": template.render(**known, **more)}
        except Exception as failure:  # a template may fail in any way
            error = error or f"{type(failure).__name__}: {failure}"
    return {"error": error}


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    conversations = json.loads(Path(__file__).with_name("conversations.json").read_text(encoding="utf-8"))
    results = []
    for path in sorted(folder.glob("*.jinja")):
        template = environment().from_string(path.read_text(encoding="utf-8"))
        for name, messages in conversations.items():
            for generation in (True, False):
                known = {"messages": messages, "add_generation_prompt": generation, "bos_token": "<s>", "eos_token": "</s>"}
                result = {"template": path.name, "conversation": name, "generation": generation}
                results.append(result | render(template, known))
    out.write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")


main()
