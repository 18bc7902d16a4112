// Bundle the page into the folder named by the first argument: page.js, page.css, index.html.
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const folder = process.argv[2];
if (!folder) throw new Error("Name the folder to build into: node build.mjs FOLDER");

await build({
  entryPoints: { page: "src/main.tsx" },
  outdir: folder,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "inline",
  logLevel: "warning",
});
await copyFile("src/index.html", join(folder, "index.html"));
