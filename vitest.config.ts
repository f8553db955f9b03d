import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    // Two of them: the machines are small, and the socket tests bring their own concurrency.
    maxWorkers: 2,
  },
})
