import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    // The first versions that know `light-dark()`: no fallback is generated for older ones.
    target: ["chrome123", "firefox120", "safari17.5"],
    // Not "assets": that is the address of a page. The server caches what is in here for ever.
    assetsDir: "static",
    // An asset inlined as a data: URL would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
  },
});
