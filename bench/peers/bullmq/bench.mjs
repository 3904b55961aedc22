// What producer and worker share: where Redis is, what a payload looks like, which clock is read.
import { Redis } from 'ioredis';

export const QUEUE = 'bench';

export function connect() {
  return new Redis(process.env.BENCH_REDIS_URL, { maxRetriesPerRequest: null });
}

/** CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the machine. */
export function now() {
  return process.hrtime.bigint();
}

/** 1 KiB, of which the first 20 characters are a number: a time or an index. */
export function payload(number) {
  return number.toString().padStart(20, '0') + 'x'.repeat(1004);
}

export function numberIn(payload) {
  return BigInt(payload.slice(0, 20));
}
