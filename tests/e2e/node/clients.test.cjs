// The official OpenAI client for Node, unmodified. test_node.py starts the servers and sets the
// environment.
const assert = require('node:assert');
const { test } = require('node:test');
const OpenAI = require('openai');

const HELLO = [{ role: 'user', content: 'Hello, who are you?' }];

function client(more = {}) {
  return new OpenAI({ baseURL: process.env.GATEWAY, apiKey: 'right', maxRetries: 0, ...more });
}

function create(more = {}, options = {}) {
  return client().chat.completions.create({ model: 'auto', messages: HELLO, ...more }, options);
}

function faulty(fault, more = {}) {
  return create(more, { headers: { 'x-script-fault': fault } });
}

async function until(condition, what, ms = 10000) {
  const end = performance.now() + ms;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a plain answer', async () => {
  const answer = await create();
  assert.strictEqual(answer.model, 'sim-small');
  assert.match(answer.choices[0].message.content, /Hello, who are you\?/);
  assert.ok(answer.usage.total_tokens > 0);
});

test('the headers of the gateway are readable', async () => {
  const { response } = await create().withResponse();
  assert.strictEqual(response.headers.get('x-switchyard-model'), 'small');
});

test('a stream has the content of the plain answer', async () => {
  const plain = (await create()).choices[0].message.content;
  let text = '';
  for await (const chunk of await create({ stream: true })) {
    text += chunk.choices[0].delta.content ?? '';
  }
  assert.strictEqual(text, plain);
});

test('a stream with include_usage ends with the usage', async () => {
  const chunks = [];
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await create(options)) chunks.push(chunk);
  assert.deepStrictEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test('tools reach the upstream as they were sent', async () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
  await create({ tools, tool_choice: 'auto' });
  const seen = await (await fetch(process.env.UPSTREAM + '/script/requests')).json();
  assert.deepStrictEqual(JSON.parse(seen.requests.at(-1).body).tools, tools);
});

test('models.list', async () => {
  const names = [];
  for await (const model of client().models.list()) names.push(model.id);
  assert.deepStrictEqual(names, ['auto', 'tiny', 'small', 'large']);
});

test('401 is an AuthenticationError', async () => {
  await assert.rejects(
    client({ apiKey: 'wrong' }).chat.completions.create({ model: 'auto', messages: HELLO }),
    OpenAI.AuthenticationError);
});

test('404 is a NotFoundError with the nearest names', async () => {
  await assert.rejects(create({ model: 'lrge' }),
    (e) => e instanceof OpenAI.NotFoundError && /large/.test(e.message) &&
      e.code === 'model_not_found');
});

test('400 is a BadRequestError', async () => {
  await assert.rejects(create({ messages: [] }), OpenAI.BadRequestError);
});

test('422 is an UnprocessableEntityError', async () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
  await assert.rejects(
    create({ model: 'tiny', messages: [{ role: 'user', content: [image] }] }),
    (e) => e instanceof OpenAI.UnprocessableEntityError && /capabilities/.test(e.message));
});

test('429 of the upstream is a RateLimitError with retry-after', async () => {
  await assert.rejects(faulty('status:429:7'),
    (e) => e instanceof OpenAI.RateLimitError && e.headers.get('retry-after') === '7');
});

test('5xx is an InternalServerError', async () => {
  for (const fault of ['status:500', 'reset:0', 'malformed:0', 'empty']) {
    await assert.rejects(faulty(fault), OpenAI.InternalServerError, fault);
  }
});

test('a failure in the middle of a stream throws APIError', async () => {
  for (const fault of ['reset:4', 'cut:4', 'undone:4', 'malformed:4', 'error:4']) {
    await assert.rejects(async () => {
      for await (const _ of await faulty(fault, { stream: true })) continue;
    }, OpenAI.APIError, fault);
  }
});

test('aborting a stream stops the upstream at once', async () => {
  const slow = client({ baseURL: process.env.SLOW_GATEWAY });
  const stats = async () => (await fetch(process.env.SLOW_UPSTREAM + '/script/stats')).json();
  const times = [];
  for (let i = 1; i <= 3; ++i) {
    const stream = await slow.chat.completions.create(
      { model: 'auto', messages: HELLO, stream: true });
    for await (const _ of stream) break;
    const started = performance.now();
    stream.controller.abort();
    await until(async () => (await stats()).aborted === i, 'the upstream stops');
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  console.log(`measured: abort seen by the upstream after median ${times[1].toFixed(1)} ms`);
  assert.ok(times[1] < Number(process.env.ABORT_MS), `${times}`);
});
