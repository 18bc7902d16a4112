// The page's state as an address, after the #: /network/lenet?unit=conv2:3.5.7&colours=net&image=sample.12

import { count } from "./indexing.ts";
import { decodeBytes, decodeInk, encodeBytes, encodeInk } from "./ink.ts";
import type { Picture } from "./picture.ts";
import type { Unit } from "./types.ts";

/** Over what the colour scale's largest magnitude is taken. */
export type ColourScope = "map" | "layer" | "net";

export type View = "network" | "unit" | "training";

export interface Address {
  readonly view: View;
  /** A net's id, or in the training view a run's; empty for the first that there is. */
  readonly id: string;
  readonly unit: Unit | null;
  readonly colours: ColourScope;
  /** Null where the picture is too large for an address. */
  readonly picture: Picture | null;
}

const VIEWS: readonly View[] = ["network", "unit", "training"];
const SCOPES: readonly ColourScope[] = ["map", "layer", "net"];

/** A photo of more numbers than this does not go into the address: browsers and mail programs cut long ones. */
const LARGEST_PHOTO = 3072;

/** Read an address. What it does not say, or says wrongly, is left at its default. */
export function parseAddress(hash: string): Address {
  const [path, query = ""] = hash.replace(/^#/, "").split("?", 2);
  const [view, ...id] = path.replace(/^\//, "").split("/");
  const fields = new URLSearchParams(query);
  const colours = fields.get("colours") as ColourScope;
  return {
    view: VIEWS.includes(view as View) ? (view as View) : "network",
    id: decode(id.join("/")),
    unit: parseUnit(fields.get("unit") ?? ""),
    colours: SCOPES.includes(colours) ? colours : "layer",
    picture: parsePicture(fields.get("image") ?? ""),
  };
}

/** Write an address, with the #. */
export function formatAddress({ view, id, unit, colours, picture }: Address): string {
  const fields: string[] = [];
  if (unit) fields.push(`unit=${encodeURIComponent(unit.layer)}:${unit.index.join(".")}`);
  if (colours !== "layer") fields.push(`colours=${colours}`);
  const image = picture && formatPicture(picture);
  if (image) fields.push(`image=${image}`);
  const path = `#/${view}/${encodeURIComponent(id)}`;
  return fields.length ? `${path}?${fields.join("&")}` : path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone % is not worth an error
  }
}

function parseUnit(text: string): Unit | null {
  const at = text.lastIndexOf(":");
  const index = text
    .slice(at + 1)
    .split(".")
    .map(Number);
  if (at < 1 || !index.every((i) => Number.isInteger(i) && i >= 0)) return null;
  return { layer: text.slice(0, at), index };
}

function parsePicture(text: string): Picture | null {
  const [kind, first, ...rest] = text.split(".");
  switch (kind) {
    case "ink": {
      const ink = decodeInk(first ?? "");
      return ink && { kind, ink };
    }
    case "sample":
      return /^\d{1,9}$/.test(first ?? "") ? { kind, index: Number(first) } : null;
    case "pixels":
    case "inverted": {
      const shape = (first ?? "").split("x").map(Number);
      const data = decodeBytes(rest.join("."));
      if (shape.length !== 3 || !data || data.length !== count(shape)) return null;
      return { kind: "pixels", pixels: { dtype: "uint8", shape, data }, inverted: kind === "inverted" };
    }
    default:
      return null;
  }
}

function formatPicture(picture: Picture): string | null {
  switch (picture.kind) {
    case "ink":
      return `ink.${encodeInk(picture.ink)}`;
    case "sample":
      return `sample.${picture.index}`;
    case "pixels": {
      const { shape, data } = picture.pixels;
      if (data.length > LARGEST_PHOTO) return null;
      return `${picture.inverted ? "inverted" : "pixels"}.${shape.join("x")}.${encodeBytes(data as Uint8Array)}`;
    }
  }
}
