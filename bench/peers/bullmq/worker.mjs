// Works as `noop`, `latency` or `sleep` with the given concurrency, and notes in BENCH_OUT what it saw.
import { existsSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { QUEUE, connect, now, numberIn } from './bench.mjs';

const [mode, concurrency] = [process.argv[2], Number(process.argv[3])];
const out = openSync(process.env.BENCH_OUT, 'a');
const note = (line) => writeSync(out, `${line}\n`);
let first = true;

const handlers = {
  async noop() {
    if (first) note(`first ${now()}`);
    first = false;
  },
  async latency(job) {
    note(`latency ${now() - numberIn(job.data.payload)}`);
  },
  async sleep(job) {
    const index = numberIn(job.data.payload);
    note(`start ${index}`);
    await sleep(1000);
    note(`end ${index}`);
  },
};

const worker = new Worker(QUEUE, handlers[mode], { connection: connect(), concurrency, autorun: false });
await worker.waitUntilReady();
note('ready');
while (!existsSync(process.env.BENCH_GATE)) await sleep(1);
process.on('SIGTERM', () => process.exit(0));
await worker.run();
