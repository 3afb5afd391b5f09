// Copies the browser assets that come from npm into static/vendor/, where the
// Go build embeds them. htmx runs in the console, so its bytes are pinned here
// as well as in package-lock.json. Run by `npm run assets`.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile } from "node:fs/promises";

const modules = new URL("../node_modules/", import.meta.url);
const vendor = new URL("vendor/", import.meta.url);

const assets = [
  {
    from: "htmx.org/dist/htmx.min.js",
    to: "htmx.min.js",
    sha256: "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
  },
  {
    from: "@fontsource-variable/geist/files/geist-latin-wght-normal.woff2",
    to: "geist.woff2",
    sha256: "19f9c92546aa300c312235e3125af1b81394d8db9a4bc4a425cd5b641d2d54e1",
  },
  {
    from: "@fontsource-variable/geist-mono/files/geist-mono-latin-wght-normal.woff2",
    to: "geist-mono.woff2",
    sha256: "684ad5b531f81d43c1e8c7038262d5db7cdc1f68006e04d6c7769efa8d33c8cc",
  },
  { from: "htmx.org/LICENSE", to: "htmx.LICENSE.txt" },
  { from: "@fontsource-variable/geist/LICENSE", to: "geist.LICENSE.txt" },
];

await mkdir(vendor, { recursive: true });
for (const { from, to, sha256 } of assets) {
  const source = new URL(from, modules);
  if (sha256) {
    const found = createHash("sha256").update(await readFile(source)).digest("hex");
    if (found !== sha256) {
      throw new Error(`${from}: sha256 is ${found}, expected ${sha256}`);
    }
  }
  await copyFile(source, new URL(to, vendor));
}
console.log(`static/vendor: ${assets.map((a) => a.to).join(", ")}`);
