#!/usr/bin/env python3
"""Rows for training and measuring grounding, made from the shared data sets.

  tools/grounding_data.py --data ../shared/data --out build/grounding

writes train.jsonl.gz and test.jsonl.gz (docs/reference/grounding.md describes a row). Contexts are
passages of exam questions, dialogues, tool results and short texts. Faithful answers are (a) real
ones: confirmations in dialogues and messages of agents after tool results, kept only when every
number and name in them stands in the context; (b) one to four sentences of the context, reordered,
shortened, with synonyms and other spellings of numbers; in training rows some words are replaced
at random as well. Wrong answers are faithful ones with one or
two controlled errors, whose places are the labels. A document is on one side only, all dialogues (CC
BY-SA) are for measuring; test rows use
synonyms, invented facts and names that training rows do not. Deterministic.
"""
import argparse
import glob
import gzip
import hashlib
import json
import os
import random
import re

MONTHS = ('January February March April May June July August September October November '
          'December').split()
DAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split()
NUMBERS = ('zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen '
           'fifteen sixteen seventeen eighteen nineteen twenty').split()
SYNONYMS = [p.split('=') for p in (
    'begin=start began=started large=big small=little help=assist helped=assisted buy=purchase '
    'bought=purchased show=display shows=displays important=significant quick=rapid quickly=rapidly '
    'said=stated says=states many=numerous main=primary often=frequently nearly=almost '
    'children=kids film=movie city=town end=finish ended=finished job=position error=mistake '
    'people=persons use=employ used=employed using=employing about=approximately country=nation '
    'countries=nations doctor=physician near=close build=construct built=constructed '
    'believe=think believed=thought need=require needs=requires needed=required get=obtain '
    'got=obtained give=provide gives=provides gave=provided wants=wishes area=region because=since '
    'however=though cost=price difficult=hard begins=starts ship=vessel car=vehicle '
    'woman=lady man=gentleman rich=wealthy poor=needy answer=reply road=street total=sum '
    'war=conflict law=statute liberty=freedom government=administration sick=ill '
    'speak=talk choose=select chose=selected happy=glad reserve=book reserved=booked '
    'increase=growth permit=allow permits=allows change=modify changed=modified goods=products '
    'workers=laborers also=additionally whole=entire power=authority place=location '
    'check=verify confirm=verify flight=journey return=refund right=correct '
    'known=recognised method=technique result=outcome results=outcomes cause=reason').split()]
OPPOSITES = [p.split('=') for p in (
    'increase=decrease increased=decreased rise=fall more=less most=least before=after '
    'first=last north=south northern=southern east=west eastern=western high=low higher=lower '
    'open=closed won=lost early=late earlier=later large=small larger=smaller '
    'accept=reject accepted=rejected support=oppose supported=opposed above=below '
    'maximum=minimum strong=weak old=new hot=cold male=female buy=sell '
    'always=rarely public=private rich=poor many=few pending=delivered active=suspended '
    'one-way=round-trip checking=savings import=export imports=exports inside=outside '
    'gained=lost began=ended urban=rural').split()]
UNITS = [p.split('=') for p in (
    'miles=kilometers kilometers=miles meters=feet feet=meters kg=lb pounds=kilograms '
    'hours=minutes minutes=hours days=weeks weeks=days months=years years=months inches=centimeters '
    'gallons=liters liters=gallons am=pm pm=am dollars=euros percent=points grams=ounces '
    'cm=mm mg=g GB=MB seconds=minutes acres=hectares tons=pounds').split()]
INVENTED = {
    'train': ['{n} also received an award for this in {y}.', 'It was later extended by {k} percent.',
              'The decision was taken by a committee of {k} members.',
              'Experts from {p} confirmed this in {y}.',
              'The original documents were lost in a fire.',
              'A second version with {k} changes appeared in {m} {y}.',
              'This had been planned since the spring of {y}.', 'It comes with a free upgrade.',
              'There is an additional charge of ${k}.', '{n} was born in {p}.',
              'The offer includes breakfast and parking.', 'The event drew about {k},000 visitors.',
              'The author later regretted this view.', 'It remains popular among students.'],
    'test': ['{n} had studied law in {p} before that.', 'The costs were estimated at {k} million dollars.',
             'Several newspapers reported about it in {m} {y}.', 'A museum now stands at this place.',
             'The service is rated {k} out of 100 by its users.', 'A deposit of ${k} is required.',
             'Critics called the result a failure.', 'It was repeated {k} years later in {p}.',
             'The family moved to {p} shortly after.', 'Pets are welcome at no extra cost.',
             'Its influence on modern medicine was considerable.']}
POOL = {
    'train': {'person': 'Maria Keller,Tom Brandt,Anita Rao,Peter Novak,Lucy Hale,Omar Haddad,James Whitfield,Elena Petrova'.split(','),
              'place': 'Boston,Madrid,Oslo,Kenya,Toronto,Vienna,Denver,Osaka,Peru,Bristol'.split(','),
              'other': 'Northwind,Delta Air,Grand Hotel,Riverside,The Golden Fork,Orion,Lakeview'.split(',')},
    'test': {'person': 'Ruth Almeida,Igor Stein,Grace Okafor,Daniel Moreau,Hana Sato,Paul Jensen'.split(','),
             'place': 'Lisbon,Chicago,Nairobi,Finland,Sydney,Prague,Phoenix,Milan'.split(','),
             'other': 'Blue Harbor,Summit Line,Casa Verde,Hillcrest,Aurora,Westgate'.split(',')}}
STOP = set(('The A An In On At It He She They We I You This That These Those If When While As But '
            'And Or For To Of By With From After Before His Her Their Its Our My Your There Here '
            'What Which Who How Why Where No Yes Not Please Would Could Can Do Does Is Are Was Were '
            'Also So Then Thus However Since Because Although User Assistant Tool All Each Some Any '
            'Okay Sure Thank Thanks Great Have Has Let Just Once One Q OK Hi Hello').split())
NAME = re.compile(r"\b[A-Z][a-zA-Zé'’-]+(?: [A-Z][a-zA-Zé'’-]+)*")
NUMBER = re.compile(r'(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w]*\d)')
TIME = re.compile(r'\b(\d{1,2})(?::(\d\d))? ?(am|pm)\b', re.I)


def rows(path):
    with gzip.open(path, 'rt', encoding='utf-8') as f:
        for line in f:
            yield json.loads(line)


def point(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], 'big') / 2**48


def sentences(text):
    parts = re.split(r'(?<=[.!?])["”)]?\s+(?=[A-Z"“(])|\n+', text)
    return [p.strip() for p in parts if p and 4 <= len(p.split()) <= 60]


class Answer:
    """Text as pieces, some of which carry the type of error that they are."""

    def __init__(self, sents):
        self.sents = [[(s, None)] for s in sents]

    def plain(self, i):
        return len(self.sents[i]) == 1 and self.sents[i][0][1] is None

    def replace(self, i, start, end, new, kind):
        text = self.sents[i][0][0]
        self.sents[i] = [(text[:start], None), (new, kind), (text[end:], None)]

    def result(self):
        text, spans = '', []
        for pieces in self.sents:
            if text:
                text += ' '
            for piece, kind in pieces:
                if kind and piece.strip():
                    lead = len(piece) - len(piece.lstrip())
                    spans.append({'start': len(text) + lead, 'end': len(text) + len(piece.rstrip()),
                                  'type': kind})
                text += piece
        return text, spans


def names_in(text):
    out = []
    for m in NAME.finditer(text):
        words = m.group().split()
        while words and words[0] in STOP:
            words.pop(0)
        if not words or (m.start() == 0 and len(words) == 1):
            continue
        name = ' '.join(words)
        if name in MONTHS or name in DAYS or len(name) < 3:
            continue
        start = m.end() - len(name)
        out.append((start, m.end(), name))
    return out


# ---- faithful changes -------------------------------------------------------------------------

def synonyms(text, rng, side):
    for i, (a, b) in enumerate(SYNONYMS):
        if (i % 2 == 0) != (side == 'train') or rng.random() < .4:
            continue
        text = re.sub(rf'\b{a}\b', b, text, count=1)
    return text


def spell_numbers(text, rng):
    def one(m):
        v = m.group()
        if rng.random() < .5:
            return v
        if re.fullmatch(r'\d{1,2}', v) and 2 <= int(v) <= 20:
            return NUMBERS[int(v)]
        return v.replace(',', '')
    def clock(m):
        if rng.random() < .5 or m.group(2):
            return m.group()
        h = int(m.group(1)) % 12 + (12 if m.group(3).lower() == 'pm' else 0)
        return rng.choice([f'{m.group(1)} {m.group(3).upper()}', f'{h}:00'])
    text = TIME.sub(clock, text)
    if not TIME.search(text) and ':' not in text:
        text = re.sub(r'(?<![\w.$,:/-])\d[\d,]*(?![\w,:.%/-])', one, text)
    return re.sub(r'\$(\d[\d,]*)(?![\d.])', lambda m: m.group(1) + ' dollars'
                  if rng.random() < .4 else m.group(), text)


def shorten(text, rng):
    if rng.random() < .5:
        text = re.sub(r'\s*\([^)]{3,80}\)', '', text, count=1)
    if rng.random() < .4:
        text = re.sub(r', (?:which|who|where) [^,.;]{5,80}(?=[,.])', '', text, count=1)
    if rng.random() < .3:
        cut = re.match(r'(.{30,}?)[,;] (?:and|but|while|because|although) ', text)
        if cut:
            text = cut.group(1) + '.'
    return text


OPENERS = ['According to the text, ', 'As stated there, ', 'The text says that ', 'In short, ']
CLOSERS = ['Let me know if you need anything else.', 'I hope this helps.', 'Is there anything else?',
           'Would you like to know more?']


def resolve(sents, rng):
    """"It was built ..." after a sentence on the tower: "The tower was built ..."."""
    out = [sents[0]]
    for before, s in zip(sents, sents[1:]):
        m = re.match(r'(It|He|She|They|This)(?= (?:is|was|has|had|were|are|will|can|could|would|did|'
                     r'does|also|became|began|took|made|gave)\b)', s)
        names = [n for _, _, n in names_in(before)]
        if m and rng.random() < .7:
            first = re.match(r'(?:The|A|An|His|Her|My|Our) (?:[a-z]+ ){0,2}?[a-z]{4,}(?= (?:is|was|has|had|were|are) )',
                             before)
            if names:
                s = names[0] + s[m.end():]
            elif first:
                s = first.group() + s[m.end():]
        out.append(s)
    return out


def merge(sents, rng):
    """Two sentences in one."""
    out = []
    for s in sents:
        if out and rng.random() < .2 and out[-1].endswith('.') and len(out[-1].split()) < 25:
            low = s[0].lower() + s[1:] if s.split()[0] in STOP and s.split()[0] != 'I' else s
            out[-1] = out[-1][:-1] + rng.choice([', and ', '; ', ', while ']) + low
        else:
            out.append(s)
    return out


def fragment(sents, rng):
    """Nothing but a name or a number with its word."""
    found = [n for s in sents for _, _, n in names_in(s) if ' ' in n]
    found += [m.group() for s in sents for m in re.finditer(r'\b(?:in|In|about|for) \d[\d,.]*\d(?: [a-z]{3,})?', s)]
    return [rng.choice(found).strip() + '.'] if found else sents


def paraphrase(sents, rng, side):
    out = []
    if rng.random() < .06:
        sents = fragment(sents, rng)
    for s in sents:
        s = spell_numbers(synonyms(shorten(s, rng), rng, side), rng).strip()
        if not s:
            continue
        if rng.random() < .15 and s.split()[0] in STOP:
            s = rng.choice(OPENERS[::2] if side == 'train' else OPENERS[1::2]) + s[0].lower() + s[1:]
        if s[-1] not in '.!?':
            s += '.'
        out.append(s)
    if rng.random() < .3:
        rng.shuffle(out)
    out = merge(out, rng)
    if rng.random() < .15:
        out.append(rng.choice(CLOSERS[::2] if side == 'train' else CLOSERS[1::2]))
    return out


def unknown_synonyms(sents, rng, words):
    """Training only: some plain words become others with the same ending. No dictionary has all the
    synonyms that people use; so the model learns that one plain word the context lacks says little."""
    rate = rng.choice([.04, .08, .15])
    def one(m):
        w = m.group()
        if rng.random() > rate or w.capitalize() in STOP:
            return w
        same = [x for x in rng.sample(words, min(len(words), 40)) if x[-2:] == w[-2:]]
        return same[0] if same else w
    return [re.sub(r'(?<![\w-])[a-z]{4,}(?![\w-])', one, s) for s in sents]


# ---- errors -----------------------------------------------------------------------------------

def e_number(answer, i, doc, rng, side):
    text = answer.sents[i][0][0]
    found = [m for m in NUMBER.finditer(text)]
    if not found:
        return False
    m = rng.choice(found)
    v = m.group()
    others = [x for x in NUMBER.findall(doc['context']) if x.replace(',', '') != v.replace(',', '')
              and abs(len(x) - len(v)) <= 1 and x.rstrip(',.') not in text]
    if others and rng.random() < .4:
        new = rng.choice(others).rstrip(',.')
    else:
        plain = v.replace(',', '')
        number = float(plain)
        if 1000 <= number < 2100 and number == int(number):
            new = str(int(number) + rng.choice([-30, -11, -4, -2, 1, 3, 7, 10, 25]))
        elif number == int(number):
            step = max(1, int(number) // 7)
            new = int(number) + rng.choice([-1, 1, 2]) * rng.randint(1, step + 1)
            new = str(abs(new) or int(number) + 3)
            if ',' in v:
                new = f'{int(new):,}'
        else:
            new = f'{number * rng.choice([.5, .8, 1.3, 2]):.{len(plain.split(".")[1])}f}'
    if new.replace(',', '') == v.replace(',', ''):
        return False
    answer.replace(i, m.start(), m.end(), new, 'number')
    return True


def e_date(answer, i, doc, rng, side):
    text = answer.sents[i][0][0]
    found = [(m, MONTHS) for m in re.finditer(r'\b(?:' + '|'.join(MONTHS) + r')\b', text)
             if m.group() != 'May' or re.match(r' \d', text[m.end():])]
    found += [(m, DAYS) for m in re.finditer(r'\b(?:' + '|'.join(DAYS) + r')\b', text)]
    found += [(m, None) for m in TIME.finditer(text)]
    if not found:
        return False
    m, names = rng.choice(found)
    if names:
        new = rng.choice([n for n in names if n != m.group()])
    else:
        hour = int(m.group(1)) % 12 + 1 + rng.randint(0, 9)
        hour = (hour - 1) % 12 + 1
        if hour == int(m.group(1)):
            return False
        new = str(hour) + (':' + m.group(2) if m.group(2) else '') + ' ' + m.group(3)
    answer.replace(i, m.start(), m.end(), new, 'date')
    return True


def kind_of(name, doc):
    for s in doc.get('entities', ()):
        if s[0] == name:
            return s[1]
    words = name.split()
    return 'person' if len(words) == 2 and all(w.isalpha() for w in words) else \
        'place' if len(words) == 1 else 'other'


def e_name(answer, i, doc, rng, side):
    text = answer.sents[i][0][0]
    found = names_in(text)
    if not found:
        return False
    start, end, name = rng.choice(found)
    kind = kind_of(name, doc)
    inside = [n for _, _, n in names_in(doc['context']) if kind_of(n, doc) == kind and
              not set(n.split()) & set(text.split())]
    if inside and rng.random() < .5:
        new = rng.choice(inside)
    else:
        new = rng.choice(POOL[side][kind])
    if new == name:
        return False
    answer.replace(i, start, end, new, 'name')
    return True


def e_unit(answer, i, doc, rng, side):
    text = answer.sents[i][0][0]
    found = []
    for a, b in UNITS:
        found += [(m, b) for m in re.finditer(rf'(?<=\d ){a}\b', text)]
    found += [(m, '€' + m.group(1)) for m in re.finditer(r'\$(\d[\d,.]*\d|\d)', text)]
    if not found:
        return False
    m, new = rng.choice(found)
    answer.replace(i, m.start(), m.end(), new, 'unit')
    return True


def e_negation(answer, i, doc, rng, side):
    text = answer.sents[i][0][0]
    taken = list(re.finditer(r'\b(is|are|was|were|can|could|will|would|did|does|do|has|have|had|should|may|must)'
                             r' (not|never) (\w+)', text))
    if taken:
        m = rng.choice(taken)
        answer.replace(i, m.start(), m.end(), f'{m.group(1)} {m.group(3)}', 'negation')
        return True
    found = list(re.finditer(r'\b(is|are|was|were|can|could|will|would|has|have|had|should|may|must)'
                             r' (?!not\b|never\b|no\b)([a-z]+)', text))
    found = [m for m in found if '?' not in text]
    if not found:
        return False
    m = rng.choice(found)
    word = rng.choice(['not', 'never'] if m.group(1) not in ('is', 'are') else ['not'])
    answer.replace(i, m.start(), m.end(), f'{m.group(1)} {word} {m.group(2)}', 'negation')
    return True


def e_opposite(answer, i, doc, rng, side):
    text = answer.sents[i][0][0]
    found = []
    for k, (a, b) in enumerate(OPPOSITES):
        if (k % 2 == 0) != (side == 'train') and k % 4:
            continue
        found += [(m, b) for m in re.finditer(rf'\b{a}\b', text)]
        found += [(m, a) for m in re.finditer(rf'\b{b}\b', text)]
    if not found:
        return False
    m, new = rng.choice(found)
    answer.replace(i, m.start(), m.end(), new, 'opposite')
    return True


def e_invented(answer, i, doc, rng, side):
    names = [n for _, _, n in names_in(doc['context'])] or ['The owner']
    if rng.random() < .5 and doc['foreign']:
        new = rng.choice(doc['foreign'])
        if any(w in doc['context'] for w in NUMBER.findall(new)):
            return False
    else:
        pool = POOL[side]
        new = rng.choice(INVENTED[side]).format(
            n=rng.choice(names), p=rng.choice(pool['place']), y=rng.randint(1900, 2023),
            k=rng.randint(12, 95), m=rng.choice(MONTHS))
        if new in doc['context']:
            return False
    answer.sents.insert(rng.randint(1, len(answer.sents)), [(new, 'invented')])
    return True


ERRORS = [(e_number, .26), (e_name, .22), (e_invented, .17), (e_date, .12), (e_negation, .12),
          (e_opposite, .12), (e_unit, .05)]


def corrupt(sents, doc, rng, side):
    """(answer, spans), with no span when no error could be made."""
    answer = Answer(sents)
    wanted = rng.choices([1, 2], [.75, .25])[0]
    for _ in range(12):
        if wanted == 0:
            break
        error = rng.choices([e for e, _ in ERRORS], [w for _, w in ERRORS])[0]
        plain = [i for i in range(len(answer.sents)) if answer.plain(i)]
        if not plain:
            break
        if error(answer, rng.choice(plain), doc, rng, side):
            wanted -= 1
    return answer.result()


# ---- documents --------------------------------------------------------------------------------

def passages(data):
    seen = set()
    files = (['mmlu_pro/mmlu_pro.jsonl.gz'] + ['routellm/routellm-mmlu.jsonl.gz'] +
             ['zeroeval/zeroeval-gsm.jsonl.gz'])
    for name in files:
        for r in rows(os.path.join(data, name)):
            prompt = r['prompt']
            body = re.split(r'\nA[.)] ', prompt)[0]
            words = len(body.split())
            if words < (35 if 'gsm' in name else 60) or words > 900:
                continue
            sents = sentences(body)
            if 'gsm' not in name and len(sents) > 2:
                question = sents[-1]
            else:
                question = sents[-1] if sents else ''
            sents = [s for s in sents if '?' not in s and '___' not in s]
            if len(sents) < 2 or sents[0][:80] in seen:
                continue
            seen.add(sents[0][:80])
            yield {'id': r['id'], 'doc': hashlib.md5(sents[0][:60].encode()).hexdigest()[:12],
                   'source': 'passage' if 'gsm' not in name else 'problem',
                   'question': question, 'context': body, 'sents': sents, 'answers': []}


CONFIRM = re.compile(r'confirm|to review|just to be sure|you(?:\'d| would) like|is that correct|booking', re.I)


def supported(text, context):
    """Numbers and names of a real answer all stand in its context."""
    low = context.lower().replace(',', '')
    for m in NUMBER.findall(text):
        v = m.replace(',', '').rstrip('.')
        word = NUMBERS[int(v)] if v.isdigit() and int(v) <= 20 else v
        if not re.search(rf'(?<!\d){re.escape(v)}(?!\d)', low) and not re.search(rf'\b{word}\b', low):
            return False
    for _, _, n in names_in(text):
        if n.lower().replace(',', '') not in low:
            return False
    return True


def dialogues(data):
    for part in ('train', 'dev'):
        for r in rows(os.path.join(data, f'sgd/sgd-{part}.jsonl.gz')):
            turns = r['turns']
            lines = [('User: ' if t['speaker'] == 'USER' else 'Assistant: ') + t['text']
                     for t in turns]
            answers = []
            for k, t in enumerate(turns):
                if t['speaker'] == 'SYSTEM' and CONFIRM.search(t['text']) and 8 <= len(t['text'].split()) <= 60:
                    context = '\n'.join(lines[:k])
                    if k >= 3 and supported(t['text'], context):
                        answers.append((context, t['text']))
            sents = [s for t in turns if t['speaker'] == 'SYSTEM' for s in sentences(t['text'])
                     if '?' not in s and (re.search(r'\d', s) or names_in(s))]
            if len(sents) < 2 and not answers:
                continue
            yield {'id': r['id'], 'doc': r['id'], 'source': 'dialogue', 'question': turns[-2]['text'],
                   'context': '\n'.join(lines), 'sents': sents, 'answers': answers}


def agents(data):
    for n, r in enumerate(rows(os.path.join(data, 'tau2_agents/tau2_agents.trajectories.jsonl.gz'))):
        context, answers, question = [], [], ''
        for m in r['messages']:
            text = m.get('content') or ''
            if m['role'] == 'assistant' and text and 15 <= len(text.split()) <= 160 and text[0] != '{':
                if any(c.startswith('Tool') for c in context):
                    body = '\n'.join(context)[-9000:]
                    if supported(text, body):
                        answers.append((body, re.sub(r'\s+', ' ', text.replace('**', ''))))
            if m['role'] == 'user':
                question = text
            if m['role'] in ('user', 'tool') and text:
                context.append(('User: ' if m['role'] == 'user' else 'Tool: ') + text)
        if answers:
            yield {'id': f'tau2-{n}', 'doc': r['id'], 'source': 'agent', 'question': question,
                   'context': '', 'sents': [], 'answers': answers}


def short_texts(data):
    kinds = {'PERSON': 'person', 'GPE': 'place', 'ORGANIZATION': 'other'}
    for path in sorted(glob.glob(os.path.join(data, 'pii/*.jsonl.gz'))):
        for r in rows(path):
            sents = sentences(r['text'])
            if not sents or len(r['text'].split()) < 12:
                continue
            entities = [(r['text'][s['start']:s['end']], kinds[s['type']]) for s in r['spans']
                        if s['type'] in kinds]
            yield {'id': r['id'], 'doc': f"pii-{r.get('template', r['id'])}", 'source': 'short',
                   'question': '', 'context': r['text'], 'sents': sents, 'answers': [],
                   'entities': entities}


def make(doc, rng, side):
    base = {'doc': doc['doc'], 'source': doc['source'], 'question': doc['question']}
    made = []
    for context, text in doc['answers'][:4]:
        made.append((context, sentences(text) or [text]))
    sents = doc['sents']
    for _ in range({'passage': 6, 'problem': 2, 'dialogue': 2, 'short': 1}.get(doc['source'], 0)):
        if not sents:
            break
        n = min(len(sents), rng.randint(1, 4))
        first = rng.randint(0, len(sents) - n)
        all_of = resolve(sents, rng)
        chosen = all_of[first:first + n] if rng.random() < .5 else \
            [all_of[i] for i in sorted(rng.sample(range(len(sents)), n))]
        made.append((doc['context'], paraphrase(chosen, rng, side)))
    for k, (context, answer) in enumerate(made):
        if not answer:
            continue
        here = dict(doc, context=context)
        if side == 'train' and rng.random() < .6 and doc['words']:
            answer = unknown_synonyms(answer, rng, doc['words'])
        text, spans = ' '.join(answer), []
        if rng.random() < .6:
            text, spans = corrupt(answer, here, rng, side)
        yield dict(base, id=f"{doc['id']}#{k}", context=context, answer=text, spans=spans)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('--data', required=True)
    p.add_argument('--out', required=True)
    p.add_argument('--seed', type=int, default=1)
    o = p.parse_args()
    docs = []
    for source in (passages, dialogues, agents, short_texts):
        docs += list(source(o.data))
    os.makedirs(o.out, exist_ok=True)
    by_source = {}
    for d in docs:
        by_source.setdefault(d['source'], []).append(d)
    counts = {}
    out = {s: gzip.GzipFile(os.path.join(o.out, s + '.jsonl.gz'), 'wb', mtime=0)
           for s in ('train', 'test')}
    for source, group in sorted(by_source.items()):
        keep = {'passage': 1500, 'problem': 500, 'dialogue': 350, 'agent': 270, 'short': 900}[source]
        group.sort(key=lambda d: point(d['id'] + 'order'))
        for d in group[:keep]:
            side = 'test' if source == 'dialogue' or point(d['doc']) < .25 else 'train'
            rng = random.Random(f"{o.seed}:{d['id']}")
            others = rng.sample(group, 3)
            d['foreign'] = [s for x in others if x['doc'] != d['doc'] for s in x['sents']
                            if 6 <= len(s.split()) <= 30][:12]
            d['words'] = [w for x in others for s in x['sents']
                          for w in re.findall(r'\b[a-z]{4,}\b', s)][:400]
            for row in make(d, rng, side):
                out[side].write((json.dumps(row, ensure_ascii=False) + '\n').encode())
                key = (side, source, bool(row['spans']))
                counts[key] = counts.get(key, 0) + 1
    for f in out.values():
        f.close()
    for key, n in sorted(counts.items()):
        print(*key, n)


main()
