import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const GATEWAY = process.env.TAGLINE_GATEWAY_URL ?? "http://127.0.0.1:8888";
// With the host as the browser names it: the gateway takes changes from its own host's pages alone.
const PROXIED = { target: GATEWAY, changeOrigin: false };

export default defineConfig({
  plugins: [react(), toastsWithoutInlineStyle(), zipped()],
  build: {
    target: "es2023",
    // Inlined files would be data: addresses, which the page's policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The style of a page that could not be had would never be asked for again.
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": PROXIED, "/page-config.json": PROXIED } },
});

/** Sonner writes its style into the page, which the page's policy refuses: we import its file. */
function toastsWithoutInlineStyle(): Plugin {
  return {
    name: "toasts-without-inline-style",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("/sonner/dist/index.mjs")) return;
      const without = code.replace(/^__insertCSS\(.*\);?$/m, "");
      if (without === code) this.error("sonner no longer inserts its style as it did");
      return { code: without, map: null };
    },
  };
}

/** The gateway sends `name.gz` in place of `name` to whoever takes it. */
function zipped(): Plugin {
  return {
    name: "zipped",
    apply: "build",
    writeBundle({ dir = "dist" }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg|json)$/.test(name)) continue;
        const path = join(dir, name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}
