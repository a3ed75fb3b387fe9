import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const daemon = process.env.AGOR_DAEMON_URL ?? 'http://127.0.0.1:3030'

export default defineConfig({
  plugins: [react()],
  build: {
    // The strict content security policy refuses data: scripts and fonts; files are served from /assets/ anyway.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  // `npm run dev` shows the GUI from its sources, beside a daemon that runs.
  server: { proxy: { '/socket.io': { target: daemon, ws: true } } },
})
