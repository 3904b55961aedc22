// Enqueues: `bulk N`, `single N CALLERS` or `paced N PER_SECOND`; prints the seconds it took.
import { Queue } from 'bullmq';
import { QUEUE, connect, now, payload } from './bench.mjs';

// Jobs in one bulk call, and callers of it: the fastest of 100 to 5,000 with 1 to 10.
const BULK = 200;
const BULK_CALLERS = 2;

const [how, count, rate] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const connection = connect();
const queue = new Queue(QUEUE, { connection });
await queue.waitUntilReady();

const started = now();
await { bulk, single, paced }[how]();
console.log(JSON.stringify({ seconds: Number(now() - started) / 1e9 }));
await queue.close();
connection.disconnect();

async function bulk() {
  let next = 0;
  await callers(BULK_CALLERS, async () => {
    while (next < count) {
      const jobs = [];
      for (; jobs.length < BULK && next < count; next += 1) {
        jobs.push({ name: 'task', data: { payload: payload(next) } });
      }
      await queue.addBulk(jobs);
    }
  });
}

async function single() {
  let next = 0;
  await callers(rate, async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await queue.add('task', { payload: payload(index) });
    }
  });
}

async function paced() {
  const adding = [];
  for (let index = 0; index < count; index += 1) {
    const due = started + BigInt(Math.round((index / rate) * 1e9));
    const wait = Number(due - now()) / 1e6;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    adding.push(queue.add('task', { payload: payload(now()) }));
  }
  await Promise.all(adding);
}

function callers(number, call) {
  return Promise.all(Array.from({ length: number }, call));
}
