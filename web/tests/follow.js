/**
 * `node follow.js OPTIONS`, JSON: notifier, and the options of `follow`. Prints each call as a
 * line of JSON. Reads commands, a line each: `watch 12`, `close`. Ends when nothing is left to do.
 */

import { createInterface } from "node:readline";
import { follow } from "../src/progress.ts";

const { notifier, faulty, ...options } = JSON.parse(process.argv[2] ?? "{}");
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const progress = follow(notifier, {
  ...options,
  onEvent: (told) => {
    print(told);
    if (faulty) throw new Error("a listener with a fault");
  },
  onState: (state, error) => {
    print({ state, code: error?.code });
    if (state === "stopped") commands.close();
    else if (state === "websocket" || state === "sse")
      progress.socketId.then((socketId) => print({ socketId }));
  },
});

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const [command, photoId] = line.split(" ");
  if (command === "watch") progress.watch(Number(photoId));
  else commands.close();
});
commands.on("close", () => {
  progress.close();
  process.stdin.destroy();
});
