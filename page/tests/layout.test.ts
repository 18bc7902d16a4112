import assert from "node:assert/strict";
import test from "node:test";
import {
  type Block,
  cellAt,
  cellOfPlace,
  cellRect,
  mapRect,
  placeOfCell,
  type Rect,
  type Scene,
} from "../src/geometry.ts";
import { count } from "../src/indexing.ts";
import { layersOf } from "../src/layers.ts";
import { layOut } from "../src/layout.ts";
import { walk } from "../src/walk.ts";
import { LENET, LENET_SHAPES } from "./lenet.ts";

const CLASSES = Array.from("0123456789");
const LAYERS = layersOf(LENET, (key) => LENET_SHAPES[key] ?? []);
const ROOMS = [
  { width: 1160, height: 750, density: 1 },
  { width: 1160, height: 750, density: 1.5 },
  { width: 358, height: 500, density: 3 },
  { width: 3500, height: 1900, density: 1 },
];

const apart = (a: Rect, b: Rect): boolean =>
  a.left + a.width <= b.left ||
  b.left + b.width <= a.left ||
  a.top + a.height <= b.top ||
  b.top + b.height <= a.top;

function blockOf(scene: Scene, name: string): Block {
  const block = scene.blocks.find(({ layer }) => layer.name === name);
  assert.ok(block, name);
  return block;
}

for (const room of ROOMS) {
  const scene = layOut(LAYERS, room, CLASSES);
  const called = `${room.width} x ${room.height} at density ${room.density}`;

  test(`in ${called}, all of LeNet is inside the scene and nothing overlaps`, () => {
    const maps = scene.blocks.flatMap((block) =>
      Array.from({ length: block.maps }, (_, map) => mapRect(block, map)),
    );
    assert.ok(maps.length > 60);
    for (const [i, map] of maps.entries()) {
      assert.ok(map.left >= 0 && map.left + map.width <= scene.width, "inside from left to right");
      assert.ok(map.top >= 40 && map.top + map.height <= scene.height, "inside from captions to floor");
      for (const other of maps.slice(0, i)) assert.ok(apart(map, other), "overlap");
    }
  });

  test(`in ${called}, cells are whole device pixels, all alike`, () => {
    for (const block of scene.blocks) {
      for (const pixels of [block.left, block.top, block.cell.width, block.cell.height, block.pitch.down]) {
        assert.ok(
          Math.abs(pixels * room.density - Math.round(pixels * room.density)) < 1e-6,
          block.layer.name,
        );
      }
    }
  });

  test(`in ${called}, the cell at the centre of any unit's cell is that unit's`, () => {
    for (const block of scene.blocks) {
      const units = count(block.layer.shape);
      for (let place = 0; place < units; place += Math.max(1, Math.floor(units / 97))) {
        const { left, top, width, height } = cellRect(block, cellOfPlace(block, place));
        const found = cellAt(scene, left + width / 2, top + height / 2);
        assert.equal(found?.block, block);
        assert.equal(placeOfCell(block, found?.cell ?? assert.fail()), place);
      }
    }
  });
}

test("where there is room, LeNet fits the width; on a phone it scrolls", () => {
  assert.equal(layOut(LAYERS, ROOMS[0], CLASSES).width, 1160);
  assert.ok(layOut(LAYERS, ROOMS[2], CLASSES).width > 358);
});

test("a folded vector's last column ends where the vector does", () => {
  const flatten = blockOf(layOut(LAYERS, { width: 1160, height: 400, density: 1 }, CLASSES), "flatten");
  assert.ok(flatten.isFolded && flatten.columns > 1);
  const beyond = { map: 0, row: flatten.rows - 1, column: flatten.columns - 1 };
  const cells = flatten.rows * flatten.columns;
  assert.equal(placeOfCell(flatten, beyond), cells === 400 ? 399 : null);
});

test("links follow what the forms read, and know a shortcut", () => {
  const residual = LAYERS.map((layer) =>
    layer.name === "relu3" ? { ...layer, sources: ["activation/fc1", "activation/pool2"] } : layer,
  );
  const links = layOut(residual, ROOMS[0], CLASSES).links.map(({ from, to, skips }) => [
    from.layer.name,
    to.layer.name,
    skips,
  ]);
  assert.equal(links.length, 13);
  assert.deepEqual(
    links.filter(([, , skips]) => skips),
    [["pool2", "relu3", true]],
  );
});

test("arrows walk the units of a map and go on into the next", () => {
  const scene = layOut(LAYERS, ROOMS[0], CLASSES);
  const block = blockOf(scene, "conv1");
  const at = (channel: number, row: number, column: number) => ({
    block,
    place: (channel * 28 + row) * 28 + column,
  });
  assert.deepEqual(walk(scene, at(2, 5, 5), "right"), at(2, 5, 6));
  assert.deepEqual(walk(scene, at(2, 5, 5), "up"), at(2, 4, 5));
  assert.deepEqual(walk(scene, at(2, 27, 5), "down"), at(3, 0, 5));
  assert.deepEqual(walk(scene, at(0, 0, 5), "up"), at(0, 0, 5));
  assert.deepEqual(walk(scene, at(2, 5, 5), "map after"), at(3, 5, 5));
  assert.deepEqual(walk(scene, at(5, 5, 5), "map after"), at(5, 5, 5));
});

test("brackets walk from layer to layer, to the number that lies as far down and along", () => {
  const scene = layOut(LAYERS, ROOMS[0], CLASSES);
  const from = { block: blockOf(scene, "relu1"), place: (3 * 28 + 13) * 28 + 27 };
  const next = walk(scene, from, "layer after");
  assert.equal(next.block.layer.name, "pool1");
  assert.equal(next.place, (3 * 14 + 6) * 14 + 13);
  assert.equal(
    walk(scene, { block: blockOf(scene, "input"), place: 0 }, "layer before").block.layer.name,
    "input",
  );
});

test("a list of ten scores is walked from top to bottom", () => {
  const scene = layOut(LAYERS, ROOMS[0], CLASSES);
  const block = blockOf(scene, "scores");
  assert.equal(block.style, "list");
  assert.equal(walk(scene, { block, place: 3 }, "down").place, 4);
  assert.equal(walk(scene, { block, place: 9 }, "down").place, 9);
});
