"""Request bodies of the benchmark: 64 different chat requests of exactly 1,024 bytes, the same in every run.

Most are English prose, some German, French or Spanish, some program text, some mathematics, some ask about contracts, so
that the ten decisions of gateway.yaml are taken by different rules. Written for this project.
"""
import json
import random

ENGLISH = """The delivery was supposed to arrive on Tuesday, but the courier left a note saying that nobody was at home.
Could you help me write a polite message to the landlord about the broken heating in the kitchen?
My manager asked for a summary of the meeting, and I am not sure which of the points matter most.
We are planning a trip to the coast in early spring and would like to avoid the crowded places.
Please explain why the days are shorter in winter than they are in summer, as if I were ten years old.
She has been learning the violin for three years and still finds the fast passages difficult.
What should a small company look at before it moves its bookkeeping to a new supplier?
I would like to compare the two offers side by side, with the good and the bad of each.
The old bridge over the river was closed after the storm, so everyone has to drive around the hill.
Our customers often ask whether the warranty covers damage that happens during transport.
It is not easy to say no to a friend, especially when the friend has helped you many times before.
Give me three ideas for a birthday present for someone who likes gardening and old films.
The report says that sales went down in the north, while the south did better than expected.
I have two hours every evening and want to get better at drawing people from memory.
He wrote the letter by hand because he thought that it would feel more personal than an email.
How long does it usually take until a new habit feels natural, and what helps most at the beginning?
The museum is free on the first Sunday of the month, but the queue can be very long.
Rewrite the following paragraph so that it sounds friendlier without losing any of the facts.
They moved to the village because of the school, and stayed because of the people they met there.
If the weather stays dry, we will paint the fence at the weekend and repair the gate after that.
I keep forgetting the names of people I have just met; is there a simple way to remember them?
The soup tastes better on the second day, when the herbs have had time to do their work.
Which questions should I ask at the end of a job interview to learn how the team really works?
A good answer would list the steps in order and say which of them can be done at the same time.
The train was late again this morning, and the announcement gave no reason at all.
My neighbour is looking for someone who can walk the dog twice a week for a fair price.""".split("\n")

GERMAN = """Kannst du mir bitte erklären, warum der Zug heute Morgen schon wieder so viel Verspätung hatte?
Wir möchten im Herbst eine Wanderung durch den Schwarzwald machen und suchen ruhige Unterkünfte.
Der Vermieter hat auf meine letzte Nachricht nicht geantwortet, und die Heizung ist immer noch kaputt.
Bitte fasse den Bericht in fünf kurzen Sätzen zusammen und nenne die wichtigsten Zahlen am Anfang.
Meine Tochter lernt seit einem Jahr Klavier und hat jetzt die Lust am Üben verloren.
Welche Unterlagen brauche ich, um ein gebrauchtes Auto in einer anderen Stadt anzumelden?
Im Garten hinter dem Haus stehen drei alte Apfelbäume, die seit Jahren niemand mehr geschnitten hat.
Schreibe eine höfliche Einladung zum Sommerfest, in der auch der Treffpunkt und die Uhrzeit vorkommen.
Der neue Kollege spricht fließend Italienisch und möchte uns beim nächsten Auftrag unterstützen.
Warum schmeckt das Brot vom Bäcker um die Ecke so viel besser als das aus dem Supermarkt?
Nach dem Gewitter war die Straße überschwemmt, sodass wir einen großen Umweg fahren mussten.
Ich überlege, ob sich eine eigene Solaranlage auf einem kleinen Dach überhaupt lohnt.""".split("\n")

FRENCH = """Pouvez-vous m'expliquer comment préparer une bonne soupe à l'oignon pour six personnes ?
Nous cherchons une petite maison au bord de la mer pour passer les vacances avec les enfants.
Le rapport indique que les ventes ont baissé dans le nord alors que le sud a mieux résisté.
J'aimerais écrire une lettre à mon voisin au sujet du bruit qu'il fait pendant la nuit.
Ma sœur apprend le violon depuis trois ans et trouve encore les passages rapides difficiles.
Quels documents faut-il présenter pour inscrire un enfant à l'école de notre quartier ?
Le train est parti avec vingt minutes de retard et personne n'a donné la moindre explication.
Donnez-moi trois idées de cadeaux pour une amie qui aime le jardinage et les vieux films.
La réunion de lundi est reportée parce que la moitié de l'équipe se trouve en déplacement.
Comment peut-on réparer une chaise dont un pied est cassé sans acheter de nouveaux outils ?
Il fait trop chaud dans le bureau l'après-midi, surtout quand le soleil donne sur les fenêtres.
Après la tempête, le vieux pont a été fermé et tout le monde doit passer par la colline.""".split("\n")

SPANISH = """Necesito ayuda para escribir una carta a mi vecino sobre el ruido que hace por las noches.
Queremos viajar por el norte en primavera y buscamos lugares tranquilos cerca de la costa.
El informe dice que las ventas bajaron el año pasado, pero los clientes siguen muy contentos.
Mi hermana empezó a estudiar piano hace un año y ahora no tiene ganas de practicar.
¿Qué documentos hacen falta para matricular a un niño en la escuela del barrio?
El tren salió con veinte minutos de retraso y nadie dio ninguna explicación a los viajeros.
Después de la tormenta cerraron el puente viejo y ahora todos tienen que rodear la colina.
Dame tres ideas de regalo para una amiga que disfruta de la jardinería y del cine antiguo.
La reunión del lunes se ha aplazado porque la mitad del equipo está de viaje.
¿Cómo se puede arreglar una silla con una pata rota sin comprar herramientas nuevas?
Por las tardes hace demasiado calor en la oficina, sobre todo cuando el sol da en las ventanas.
Explícame con palabras sencillas por qué el pan del horno de la esquina sabe mucho mejor.""".split("\n")

CODE = """```python\ndef total(rows):\n    out = {}\n    for r in rows:\n        out[r['k']] = out.get(r['k'], 0) + r['v']\n    return out\n```
This function is slow for large inputs; the profile says that most of the time goes into the inner loop.
```cpp\n#include <vector>\nint sum(const std::vector<int>& v) { int s = 0; for (int x : v) s += x; return s; }\n```
Please find the bug, explain it in one sentence and show the corrected version of the program.""".split("\n")
CODE = [c.replace("\\n", "\n") for c in CODE]

MATH = r"""Let $f(x) = x^3 - 3x + 1$ and find all real numbers $x$ with $f(x) = 0$.
Show that $\sum_{k=1}^{n} k^2 = \frac{n(n+1)(2n+1)}{6}$ holds for every positive integer $n$.
Solve the equation $2x^2 - 5x + 3 = 0$ and state the sum of the squares of its roots.
If $a + b = 7$ and $ab = 10$, what is $a^3 + b^3$? Give the answer as an integer.""".split("\n")

LEGAL = """The indemnity clause of the contract limits the liability of the supplier to the fees of one year.
Does the governing law clause decide which court hears a dispute about late payment?
Please compare the termination clause of both drafts and list what changed for the customer.""".split("\n") + ENGLISH[:6]

BODY_BYTES = 1024
GROUPS = [(ENGLISH, 42), (CODE, 6), (MATH, 4), (LEGAL, 4), (GERMAN, 4), (FRENCH, 2), (SPANISH, 2)]


def body(sentences, rng, stream):
    request = {"model": "auto", "messages": [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": ""}]}
    if stream:
        request["stream"] = True
    text = ""
    def size():
        request["messages"][1]["content"] = text
        return len(json.dumps(request, ensure_ascii=False).encode())
    left = []
    while size() < BODY_BYTES:
        left = left or rng.sample(sentences, len(sentences))  # none twice before all have come
        text += (" " if text else "") + left.pop()
    while size() > BODY_BYTES:
        text = text[:-1]
    text += "." * (BODY_BYTES - size())  # a cut letter may have had two bytes
    size()
    return json.dumps(request, ensure_ascii=False)


def bodies(stream):
    rng = random.Random(20240607)
    out = [body(sentences, rng, stream) for sentences, n in GROUPS for _ in range(n)]
    rng.shuffle(out)
    assert len(out) == 64 and all(len(b.encode()) == BODY_BYTES for b in out)
    return out
