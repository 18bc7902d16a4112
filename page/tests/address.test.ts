import assert from "node:assert/strict";
import test from "node:test";
import { type Address, formatAddress, parseAddress } from "../src/address.ts";
import { NO_INK } from "../src/ink.ts";

const PLAIN: Address = { view: "network", id: "lenet", unit: null, colours: "layer", picture: null };

test("an address says the net, and nothing that is as usual", () => {
  assert.equal(formatAddress(PLAIN), "#/network/lenet");
});

test("the server's addresses open what they name", () => {
  assert.deepEqual(parseAddress("#/network/lenet"), PLAIN);
  assert.deepEqual(parseAddress("#/training/demo"), { ...PLAIN, view: "training", id: "demo" });
});

test("every state comes back from its address", () => {
  const pixels = { dtype: "uint8", shape: [1, 2, 3], data: Uint8Array.of(0, 1, 2, 253, 254, 255) } as const;
  const ink = { ...NO_INK, strokes: [[8, 16, 24, 32]], width: 3, centred: false };
  const states: Address[] = [
    { ...PLAIN, view: "unit", unit: { layer: "layer1.0.conv2", index: [3, 5, 7] }, colours: "net" },
    { ...PLAIN, view: "unit", unit: { layer: "Bäume: 木", index: [0] }, colours: "map" },
    { ...PLAIN, id: "runs/x y?&#1", picture: { kind: "sample", index: 12 } },
    { ...PLAIN, picture: { kind: "ink", ink } },
    { ...PLAIN, picture: { kind: "pixels", pixels, inverted: false } },
    { ...PLAIN, picture: { kind: "pixels", pixels, inverted: true } },
  ];
  for (const state of states) assert.deepEqual(parseAddress(formatAddress(state)), state);
});

test("a unit reads as it is written in Python", () => {
  const unit = { layer: "conv2", index: [3, 5, 7] };
  assert.equal(formatAddress({ ...PLAIN, view: "unit", unit }), "#/unit/lenet?unit=conv2:3.5.7");
});

test("a photo too large for an address is left out", () => {
  const pixels = { dtype: "uint8", shape: [3, 224, 224], data: new Uint8Array(3 * 224 * 224) } as const;
  const address = formatAddress({ ...PLAIN, picture: { kind: "pixels", pixels, inverted: false } });
  assert.equal(address, "#/network/lenet");
});

test("an address with mistakes opens what is right in it", () => {
  const wrong = "#/network/lenet?unit=conv2:a.b&colours=rainbow&image=sample.-1";
  assert.deepEqual(parseAddress(wrong), PLAIN);
  assert.deepEqual(parseAddress("#/nowhere/lenet"), PLAIN);
  assert.deepEqual(parseAddress("#/network/lenet?image=pixels.1x2x3.AAA"), PLAIN);
  assert.deepEqual(parseAddress(""), { ...PLAIN, id: "" });
});
