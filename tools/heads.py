#!/usr/bin/env python3
"""Examples of the shipped heads, domain, task, facts and difficulty, from the labelled sets and from sentences written here.

Usage: tools/heads.py DATA OUT    writes OUT/NAME.jsonl for each head

Only rows with part "train" are learned from, and only sets whose licence allows it (models/README.md). A row stands twice where it
is a multiple-choice question: without its options, as people ask, and with them, as exams do ("auxiliary": learned from, but
confidence is not calibrated on it); both have one id, the question, so that they fall on one side of every split. A question that occurs among the
rows that heads are measured on, of whatever set, is left out. A row's "group" is the set it comes from: confidence is calibrated
on heads that have not learned from that set as well, because what people ask is in none of them.
"""
import gzip
import itertools
import json
import os
import re
import sys

SUBJECTS = {
    "biology": "college_biology high_school_biology",
    "business": "business_ethics management marketing",
    "chemistry": "college_chemistry high_school_chemistry",
    "computer science": "college_computer_science computer_security high_school_computer_science machine_learning",
    "economics": "econometrics high_school_macroeconomics high_school_microeconomics",
    "engineering": "electrical_engineering",
    "health": "anatomy clinical_knowledge college_medicine human_aging medical_genetics nutrition professional_medicine virology",
    "history": "high_school_european_history high_school_us_history high_school_world_history prehistory",
    "law": "international_law jurisprudence professional_law",
    "math": "abstract_algebra college_mathematics elementary_mathematics high_school_mathematics high_school_statistics",
    "other": "global_facts high_school_geography high_school_government_and_politics human_sexuality miscellaneous professional_accounting "
             "public_relations security_studies sociology us_foreign_policy",
    "philosophy": "formal_logic logical_fallacies moral_disputes moral_scenarios philosophy world_religions",
    "physics": "astronomy college_physics conceptual_physics high_school_physics",
    "psychology": "high_school_psychology professional_psychology",
}
CATEGORY = {subject: name for name, subjects in SUBJECTS.items() for subject in subjects.split()}

DATA = OUT = None
OWN = os.path.join(os.path.dirname(__file__), "..", "tests", "data")
EXAMS = ("mmlu_pro/mmlu_pro.jsonl.gz", "routellm/routellm-mmlu.jsonl.gz", "zeroeval/zeroeval-mmlu-redux.jsonl.gz")


def rows(path, part="train"):
    path = os.path.join(DATA, path)
    if not os.path.exists(path):
        sys.exit(f"heads: {path} is missing")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if part is None or (row.get("part") == "train") == (part == "train"):
                yield row


def stem(prompt):
    for mark in ("\nA. ", "\nA) ", "\n(A) "):
        prompt = prompt.split(mark)[0]
    return prompt.strip()


def spread(items, limit):
    items = list(items)
    return [items[i * len(items) // limit] for i in range(limit)] if len(items) > limit else items


def bare(text):
    return re.sub("[^a-z0-9]", "", stem(text).lower())


def measured():
    """What domain heads are measured on, as bare questions."""
    out = {bare(row["prompt"]) for path in EXAMS for row in rows(path, "other")}
    out |= {bare(row["question"]) for row in rows("vsr_cases/domain_classify_cases.jsonl.gz", None)}
    return out | {bare(row["text"]) for row in rows("vsr_cases/domain_bench.jsonl.gz", None)}


def domain():
    left_out = measured()
    for path in EXAMS:
        for row in rows(path):
            if bare(row["prompt"]) in left_out:
                continue
            label = CATEGORY.get(row["domain"], row["domain"] if path.startswith("mmlu_pro") else None)
            if not label:
                continue
            short = stem(row["prompt"])
            alone = len(short) > 20  # "Which of these?" is no question without its options
            question = bare(row["prompt"])  # as id: MMLU-Pro holds many of MMLU's
            yield question, row["prompt"], label, alone and short != row["prompt"], path
            if alone:
                yield question, short, label, False, path
    with open(os.path.join(OWN, "domain", "questions.tsv"), encoding="utf-8") as lines:
        for line in lines:
            label, topic, text = line.rstrip("\n").split("\t")
            if bare(text) not in left_out:
                yield topic, text, label, False, "questions"
    # Everyday requests belong to no subject.
    for row in spread((r for r in rows("intents/clinc150.jsonl.gz") if r["oos"] is False), 900):
        yield row["id"], row["text"], "other", False, "clinc150"


# ---- task: sentences written for this project, templates times topics

TOPICS = """the history of tea | our quarterly sales | a trip to Lisbon | renewable energy | my neighbour's barking dog | a lost key | remote work
 | the water cycle | a birthday party | electric cars | an old lighthouse | school uniforms | healthy breakfasts | a job interview | city parks
 | a new coffee shop | the first day of school | saving money | a rainy afternoon | online privacy""".replace("\n", "").split(" | ")
TEXTS = """The meeting was moved to Thursday because Dana is travelling, and the budget of 4,200 euros still has to be approved.
Order 7714 from Maria Keller, two lamps and a rug, was delivered to Hamburg on 3 May without the invoice.
Researchers found that birds in cities sing earlier and louder, which costs them energy but helps them find mates.
Dear team, the release is late; testing found three crashes on older phones and one in the payment page.
Our flight LH 482 leaves Munich at 14:25 from gate G12 and lands in Oslo at 16:40.
The committee praised the plan but asked for figures on noise, traffic and cost before the vote in June.
Tom called twice about the broken heater in flat 9; the plumber, Mr. Ortiz, can come on Monday at nine.
Sales rose by 12 percent in spring, mainly in the south, while returns fell to 3 percent.""".split("\n")
LANGUAGES = "French German Spanish Italian Japanese Chinese Portuguese Dutch Polish Arabic Korean Russian Turkish Hindi Swedish".split()
PHRASES = ["where is the nearest pharmacy?", "I would like to cancel my booking.", "The report is due on Friday.", "Thank you for your patience.",
           "My brother lives in the mountains.", "Please do not touch the paintings."]
CODE_TOPICS = """reverses a linked list | parses a CSV file | checks whether a word is a palindrome | merges two sorted arrays | counts words in a file
 | sends an HTTP request with retries | removes duplicates from a list | computes a moving average | validates an email address | walks a directory tree
 | caches results with a time limit | converts Roman numerals""".replace("\n", "").split(" | ")
CODE_LANGUAGES = "Python JavaScript C++ Rust Go Java SQL TypeScript Bash Kotlin".split()

TEMPLATES = {
    "writing": (["Write a short story about {t}.", "Write a poem about {t}.", "Draft a polite email about {t}.", "Compose a blog post on {t}.",
                 "Write a funny speech about {t}.", "Create an advertising slogan for {t}.", "Help me write a letter to the editor about {t}.",
                 "Rewrite this to sound friendlier: we need to talk about {t}.", "Give me three opening lines for an essay on {t}.",
                 "Write a product description about {t} in a playful tone.", "Write lyrics for a song about {t}.", "Make this paragraph about {t} more formal."],
                {"t": TOPICS}),
    "translation": (["Translate into {l}: {p}", "How do you say \"{p}\" in {l}?", "Please translate this sentence to {l}: {p}", "{p} - in {l}, please",
                     "What is the {l} translation of: {p}", "Translate the following text from English to {l}.\n\n{p}"],
                    {"l": LANGUAGES, "p": PHRASES}),
    "extraction": (["Extract all names and dates from this text: {x}", "List every number mentioned below and what it stands for.\n\n{x}",
                    "Return the people and places in the following as JSON: {x}", "Pull out the action items from this note:\n{x}",
                    "Fill a table with the entities in this message: {x}", "Which dates, times and amounts occur here? {x}",
                    "Find the order number and the customer in: {x}", "Identify all organisations named in the passage.\n{x}"], {"x": TEXTS}),
    "summarization": (["Summarize this in one sentence: {x}", "Give me the key points of the following text.\n\n{x}", "TL;DR: {x}", "Shorten this to twenty words: {x}",
                       "What is the gist of this message? {x}", "Write a brief summary of the passage below.\n{x}", "Condense the text into three bullet points: {x}",
                       "Sum up what happened: {x}"], {"x": TEXTS}),
    "code": (["Write a {g} function that {c}.", "My {g} program that {c} crashes, how do I fix it?", "Refactor this {g} code that {c}.",
              "Explain what this {g} snippet does: it {c}.", "Write unit tests for a {g} function that {c}.", "Why is my {g} script that {c} so slow?"],
             {"g": CODE_LANGUAGES, "c": CODE_TOPICS}),
    "chat": (["Hi! How are you today?", "hello there", "good morning", "thanks, that was really helpful", "I had such a long day", "you are funny", "haha ok",
              "I'm bored, talk to me", "what's up?", "tell me about yourself", "who made you?", "are you a robot?", "do you like music?", "good night",
              "I feel a bit lonely tonight", "my cat did something silly today", "nice to meet you", "that's so cool", "can we just chat for a while?",
              "I think you're right", "how was your weekend?", "I'm so happy, I got the job!", "what do you think about {t}?", "I keep thinking about {t}",
              "guess what, {t} again!", "so, tell me what you like about {t}", "my friend never stops talking about {t} lol"], {"t": TOPICS}),
    "reasoning": (["Anna is older than Ben and Ben is older than {n}. Who is the youngest?", "If all bloops are razzies and no razzie is {n}, is a bloop {n}?",
                   "Three boxes hold {n}; every label is wrong. Which one do you open first, and why?",
                   "Four friends sit in a row. {n} does not sit at an end, and Cara sits left of Dan. In what order can they sit?",
                   "Which conclusion follows: every {n} is green, some green things are heavy?",
                   "Find the odd one out and say why: {n}, oak, pine, iron.", "Is this argument valid? It rains whenever {n} sings; it rains; so {n} sings."],
                  {"n": ["Emil", "Farah", "Gus", "apples", "a lamp", "cedar", "copper", "silver", "Hana", "Ivo", "red", "Jo", "Kim", "a key", "square"]}),
}
SMALL_TALK = {"greeting", "goodbye", "thank_you", "are_you_a_bot", "what_is_your_name", "who_made_you", "meaning_of_life", "tell_joke", "fun_fact", "how_old_are_you",
              "do_you_have_pets", "what_are_your_hobbies", "where_are_you_from", "who_do_you_work_for", "maybe", "yes", "no"}
TASK_OF_DOMAIN = {"gsm8k": "math", "math": "math", "agentverse-mgsm": "math", "mbpp": "code", "human_eval": "code", "agentverse-logicgrid": "reasoning",
                  "natural_qa": "knowledge", "trivia_qa": "knowledge", "openbook_qa": "knowledge", "commonsense_qa": "knowledge", "arc_challenge": "knowledge",
                  "mmlu": "knowledge", "commongen": "writing", "coding": "code", "extraction": "extraction", "humanities": "knowledge", "stem": "knowledge",
                  "writing": "writing", "roleplay": "writing", "reasoning": "reasoning"}
KNOWLEDGE = {"history", "psychology", "biology", "health", "law", "other", "philosophy", "business"}


MIXED = ("llmrouter/llmrouter_dc-train.jsonl.gz", "llmrouter/llmrouter_dc-test.jsonl.gz", "llmrouter/routeprofile-test.jsonl.gz",
         "routellm/routellm-mtbench.jsonl.gz")


def task():
    left_out = {bare(row["prompt"]) for path in MIXED for row in rows(path, "other")}
    for label, (templates, slots) in TEMPLATES.items():
        names = sorted(slots)
        for t, template in enumerate(templates):
            used = [n for n in names if "{" + n + "}" in template]
            for values in spread(itertools.product(*(slots[n] for n in used)), 25):
                text = template.format(**dict(zip(used, values)))
                yield f"{label}-{t}", text, label  # one template, one side of the split
    for path in MIXED:
        for row in rows(path):
            if row["domain"] in TASK_OF_DOMAIN and bare(row["prompt"]) not in left_out:
                yield row["id"], row["prompt"], TASK_OF_DOMAIN[row["domain"]]
    for path, label in (("zeroeval/zeroeval-crux.jsonl.gz", "code"), ("zeroeval/zeroeval-gsm.jsonl.gz", "math"), ("zeroeval/zeroeval-math-l5.jsonl.gz", "math"),
                        ("lineage/lineage_b.jsonl.gz", "reasoning")):
        for row in spread(rows(path), 500):
            yield row["id"], row["prompt"], label
    for row in spread((r for r in rows("mmlu_pro/mmlu_pro.jsonl.gz") if r["domain"] in KNOWLEDGE), 700):
        yield row["id"], stem(row["prompt"]), "knowledge"
    for row in spread((r for r in rows("mmlu_pro/mmlu_pro.jsonl.gz") if r["domain"] == "math"), 300):
        yield row["id"], stem(row["prompt"]), "math"
    clinc = [r for r in rows("intents/clinc150.jsonl.gz") if r["oos"] is False]
    for row in (r for r in clinc if r["intent"] in SMALL_TALK):
        yield row["id"], row["text"], "chat"
    for row in (r for r in clinc if r["intent"] == "translate"):
        yield row["id"], row["text"], "translation"
    # Requests that something be done or looked up by a tool.
    for row in spread((r for r in clinc if r["intent"] not in SMALL_TALK | {"translate", "definition", "spelling", "calculator"}), 900):
        yield row["id"], row["text"], "action"
    for row in spread(rows("bfcl_tools/bfcl_tools.jsonl.gz"), 500):
        if not row["none_fits"]:
            yield row["id"], row["text"], "action"


# ---- facts: does a good answer need facts about the world that can be checked?

FACTS = {"natural_qa", "trivia_qa", "humanities", "stem"}
NO_FACTS = {"gsm8k", "math", "mbpp", "human_eval", "agentverse-logicgrid", "agentverse-mgsm", "commongen", "writing", "roleplay", "coding"}


def cue_rows(name):
    """Every second row, from the first: the others measure."""
    with open(os.path.join(OWN, "cues", name + ".tsv"), encoding="utf-8") as lines:
        for i, line in enumerate(line for line in lines if line.strip() and not line.startswith("#")):
            if i % 2 == 0:
                yield line.rstrip("\n").split("\t")


def facts():
    left_out = {bare(row["prompt"]) for path in MIXED for row in rows(path, "other")} | measured()
    for i, (label, text) in enumerate(cue_rows("needs_facts")):
        yield f"own-{i}", text, label
    for path in MIXED:
        for row in rows(path):
            label = "facts" if row["domain"] in FACTS else "none" if row["domain"] in NO_FACTS else None
            if label and bare(row["prompt"]) not in left_out:
                yield row["id"], row["prompt"], label
    # Unlike what is measured, and there so that other requests are known too.
    for label, (templates, slots) in TEMPLATES.items():
        names = sorted(slots)
        for t, template in enumerate(templates):
            used = [n for n in names if "{" + n + "}" in template]
            for values in spread(itertools.product(*(slots[n] for n in used)), 12):
                yield f"{label}-{t}", template.format(**dict(zip(used, values))), "none", True
    with open(os.path.join(OWN, "domain", "questions.tsv"), encoding="utf-8") as lines:
        for line in lines:
            label, topic, text = line.rstrip("\n").split("\t")
            if label in KNOWLEDGE - {"other"} and bare(text) not in left_out:
                yield topic, text, "facts", True
    clinc = [r for r in rows("intents/clinc150.jsonl.gz") if r["oos"] is False]
    for row in spread((r for r in clinc if r["intent"] in SMALL_TALK | {"translate"}), 400):
        yield row["id"], row["text"], "none", True


# ---- difficulty: would fewer than half of the models that tried it be right?

OUTCOMES = ("mmlu_pro/mmlu_pro.jsonl.gz", "zeroeval/zeroeval-crux.jsonl.gz", "zeroeval/zeroeval-gsm.jsonl.gz", "zeroeval/zeroeval-math-l5.jsonl.gz",
            "zeroeval/zeroeval-mmlu-redux.jsonl.gz")


def difficulty():
    left_out = {bare(row["prompt"]) for path in OUTCOMES for row in rows(path, "other")}
    for path in OUTCOMES:
        for row in rows(path):
            tried = [m["correct"] for m in row["models"].values() if m.get("correct") is not None]
            if tried and bare(row["prompt"]) not in left_out:
                yield bare(row["prompt"]), row["prompt"], "hard" if sum(tried) < len(tried) / 2 else "easy"
    # Nobody has measured small talk and everyday commands; they count as easy.
    for row in spread((r for r in rows("intents/clinc150.jsonl.gz") if r["oos"] is False), 900):
        yield row["id"], row["text"], "easy", True


def main():
    global DATA, OUT
    DATA, OUT = sys.argv[1:3]
    os.makedirs(OUT, exist_ok=True)
    for name, examples in (("domain", domain()), ("task", task()), ("facts", facts()), ("difficulty", difficulty())):
        with open(os.path.join(OUT, name + ".jsonl"), "w", encoding="utf-8") as out:
            seen = set()
            for row_id, text, label, *more in examples:  # more: auxiliary, group
                if text not in seen:
                    seen.add(text)
                    row = {"id": row_id, "text": text, "label": label}
                    if more and more[0]:
                        row["auxiliary"] = True
                    if len(more) > 1:
                        row["group"] = more[1]
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
