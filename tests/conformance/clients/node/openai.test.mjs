// The official client of OpenAI, unmodified, in the oldest and the newest version that are tested.
import assert from "node:assert/strict";
import { test } from "node:test";

import Newest, { toFile } from "openai";
import Oldest from "openai-oldest";

const url = process.env.DALSTON_URL;
assert.ok(url, "DALSTON_URL names the server");
const text = "This is a stub transcript. The system works!";
const wav = Buffer.from(process.env.DALSTON_RECORDING ?? "", "base64");
assert.ok(wav.length, "DALSTON_RECORDING is what is sent, in base64");

for (const [version, Client] of [
  ["newest", Newest],
  ["oldest", Oldest],
]) {
  const client = new Client({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  const recording = () => toFile(wav, "talk.wav", { type: "audio/wav" });
  const transcribe = async (options) =>
    client.audio.transcriptions.create({ file: await recording(), model: "whisper-1", ...options });

  test(`${version}: json`, async () => {
    const answer = await transcribe({});
    assert.equal(answer.text, text);
    // Nothing is made up: the stub doesn't know how long the recording is.
    assert.equal(answer.usage, undefined);
  });

  test(`${version}: text formats are raw bodies`, async () => {
    assert.equal(await transcribe({ response_format: "text" }), `${text}\n`);
    assert.match(await transcribe({ response_format: "srt" }), /^1\n00:00:00,000 --> /);
    assert.match(await transcribe({ response_format: "vtt" }), /^WEBVTT\n\n00:00:00\.000 --> /);
  });

  test(`${version}: verbose_json`, async () => {
    const answer = await transcribe({ response_format: "verbose_json" });
    assert.equal(answer.task, "transcribe");
    assert.equal(answer.duration, null);
    assert.deepEqual(
      answer.segments.map((segment) => [segment.id, segment.start, segment.end]),
      [
        [0, 0, 2],
        [1, 2, 4],
      ],
    );
  });

  test(`${version}: a stream`, async () => {
    const kinds = [];
    let said = "";
    for await (const event of await transcribe({ model: "gpt-4o-transcribe", stream: true })) {
      kinds.push(event.type);
      said += event.delta ?? "";
      if (event.type === "transcript.text.done") assert.equal(event.text, text);
    }
    assert.equal(said.trim(), text);
    assert.equal(kinds.at(-1), "transcript.text.done");
  });

  test(`${version}: models`, async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes("whisper-1"));
    assert.equal((await client.models.retrieve("whisper-1")).id, "whisper-1");
  });

  test(`${version}: errors have what the client reads`, async () => {
    await assert.rejects(transcribe({ model: "nobody-knows" }), (error) => {
      assert.equal(error.status, 404);
      assert.equal(error.code, "model_not_found");
      assert.equal(error.param, "model");
      assert.equal(error.type, "invalid_request_error");
      return true;
    });
    await assert.rejects(transcribe({ include: ["logprobs"] }), (error) => {
      assert.equal(error.status, 400);
      assert.equal(error.code, "unsupported_value");
      return true;
    });
  });
}
