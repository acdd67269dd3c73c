import { expect, test, vi } from "vitest";
import type { Job, Page } from "../../src/api/types.ts";
import { walk } from "../../src/pages/queue/walk.ts";

function page(ids: readonly string[], nextCursor: string | null): Page<Job> {
  return { items: ids.map((jobId) => ({ jobId }) as Job), nextCursor };
}

/** Two pages, by their cursors. */
async function pages(cursor: string | undefined): Promise<Page<Job>> {
  return cursor === "2" ? page(["c", "d"], null) : page(["a", "b"], "2");
}

test("every job of every page has its turn once", async () => {
  const seen: string[] = [];
  const onStep = vi.fn();
  await walk({
    page: pages,
    act: async ({ jobId }) => {
      seen.push(jobId);
      return jobId !== "b";
    },
    signal: new AbortController().signal,
    onStep,
  });
  expect(seen.toSorted()).toEqual(["a", "b", "c", "d"]);
  expect(onStep).toHaveBeenLastCalledWith({ done: 3, late: 1 });
});

test("no more than four are done at a time", async () => {
  let now = 0;
  let most = 0;
  await walk({
    page: async () => page([..."abcdefghij"], null),
    act: async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve));
      now -= 1;
      return true;
    },
    signal: new AbortController().signal,
    onStep: () => {},
  });
  expect(most).toBe(4);
});

test("it stops where it is told to", async () => {
  const leaving = new AbortController();
  const seen: string[] = [];
  await walk({
    page: pages,
    act: async ({ jobId }) => {
      seen.push(jobId);
      leaving.abort();
      return true;
    },
    signal: leaving.signal,
    onStep: () => {},
  });
  expect(seen).toEqual(["a"]);
});

test("a failure ends it with its reason, and no further page is asked for", async () => {
  const asked = vi.fn(pages);
  const walking = walk({
    page: asked,
    act: async () => {
      throw new Error("away");
    },
    signal: new AbortController().signal,
    onStep: () => {},
  });
  await expect(walking).rejects.toThrow("away");
  expect(asked).toHaveBeenCalledTimes(1);
});
