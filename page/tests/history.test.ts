import assert from "node:assert/strict";
import { test } from "node:test";
import { thinned } from "../src/training/history.ts";

test("snapshots that come one by one stay evenly spread, from the first to the last", () => {
  let kept: readonly { step: number }[] = [];
  for (let step = 0; step <= 1000; step++) kept = thinned([...kept, { step }], 12);
  assert.equal(kept.length, 12);
  assert.equal(kept[0].step, 0);
  assert.equal(kept[11].step, 1000);
  const gaps = kept.slice(1).map(({ step }, i) => step - kept[i].step);
  assert.ok(Math.max(...gaps) <= 3 * (1000 / 11), `${gaps}`);
});

test("a few snapshots are all kept", () => {
  const few = [{ step: 0 }, { step: 5 }];
  assert.deepEqual(thinned(few, 12), few);
});
