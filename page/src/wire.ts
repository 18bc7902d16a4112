// The form of the wire: messages as they travel. ARCHITECTURE.md, "The wire", has the table.

import { count } from "./indexing.ts";
import type { Call, NetSummary, RunEvent, RunSummary, Tensor, Tensors } from "./types.ts";

/** A message and its tensors; a text frame has none. */
export interface Message<Header = Record<string, unknown>> {
  readonly header: Header;
  readonly tensors: Tensors;
}

/** The headers that the server sends. */
export type ServerHeader =
  | {
      readonly what: "hello";
      readonly nets: readonly NetSummary[];
      readonly runs: readonly RunSummary[];
      readonly start: string;
    }
  | { readonly what: "net"; readonly net: string; readonly version: number; readonly calls: readonly Call[] }
  | {
      readonly what: "trace";
      readonly net: string;
      readonly version: number;
      readonly sequence: number;
      readonly milliseconds: number;
      readonly label: number | null;
    }
  | {
      readonly what: "events";
      readonly run: string;
      readonly first: number;
      readonly events: readonly RunEvent[];
    }
  | { readonly what: "image"; readonly net: string }
  | { readonly what: "error"; readonly sequence: number | null; readonly message: string };

/** Where a tensor lies in a frame: `offset` counts bytes from the end of the header. */
interface Place {
  readonly dtype: Tensor["dtype"];
  readonly shape: readonly number[];
  readonly offset: number;
}

const ALIGNMENT = 8; // bytes: the widest number on the wire
const LENGTH_BYTES = 4; // before the header
const BYTES = { float32: 4, uint8: 1, int64: 8 } as const; // of one number

/** Read a binary frame. Its tensors are views of the frame wherever its numbers are aligned; nothing is copied. */
export function decodeFrame(frame: ArrayBuffer): Message {
  const length = new DataView(frame).getUint32(0, true);
  if (LENGTH_BYTES + length > frame.byteLength) {
    throw new RangeError(
      `A frame's header lies inside the frame. Received length=${length} in a frame of ${frame.byteLength} bytes.`,
    );
  }
  const text = new TextDecoder().decode(new Uint8Array(frame, LENGTH_BYTES, length));
  const { tensors: places, ...header } = JSON.parse(text) as { tensors?: Record<string, Place> };
  const start = LENGTH_BYTES + length;
  const tensors = new Map<string, Tensor>();
  for (const [key, place] of Object.entries(places ?? {})) tensors.set(key, readTensor(frame, start, place));
  return { header, tensors };
}

function readTensor(frame: ArrayBuffer, start: number, place: Place): Tensor {
  const { dtype, shape } = place;
  const size = count(shape);
  const at = start + place.offset;
  const aligned = at % BYTES[dtype] === 0;
  const buffer = aligned ? frame : frame.slice(at, at + size * BYTES[dtype]);
  const offset = aligned ? at : 0;
  switch (dtype) {
    case "float32":
      return { dtype, shape, data: new Float32Array(buffer, offset, size) };
    case "uint8":
      return { dtype, shape, data: new Uint8Array(buffer, offset, size) };
    case "int64":
      return { dtype, shape, data: new BigInt64Array(buffer, offset, size) };
    default:
      throw new TypeError(`A tensor on the wire is float32, uint8 or int64. Received dtype=${dtype}.`);
  }
}

const roundUp = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Write a message and its tensors as a binary frame whose numbers begin at multiples of 8 bytes. */
export function encodeFrame(header: Readonly<Record<string, unknown>>, tensors: Tensors): ArrayBuffer {
  const places: Record<string, Place> = {};
  let end = 0;
  for (const [key, { dtype, shape, data }] of tensors) {
    places[key] = { dtype, shape, offset: end };
    end = roundUp(end + data.byteLength);
  }
  const text = new TextEncoder().encode(JSON.stringify({ ...header, tensors: places }));
  const start = roundUp(LENGTH_BYTES + text.length);
  const frame = new ArrayBuffer(start + end);
  const bytes = new Uint8Array(frame);
  bytes.fill(0x20, LENGTH_BYTES, start); // spaces pad the header
  bytes.set(text, LENGTH_BYTES);
  new DataView(frame).setUint32(0, start - LENGTH_BYTES, true);
  for (const [key, { data }] of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + places[key].offset);
  }
  return frame;
}

/** Read whatever the server sent: a text frame or a binary one. */
export function readMessage(received: string | ArrayBuffer): Message<ServerHeader> {
  if (typeof received !== "string") return decodeFrame(received) as unknown as Message<ServerHeader>;
  return { header: JSON.parse(received) as ServerHeader, tensors: new Map() };
}
