import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The client is linked from its folder and has a copy of its own beside it.
  resolve: { dedupe: ["@tanstack/react-query", "@tanstack/query-core", "react"] },
});
