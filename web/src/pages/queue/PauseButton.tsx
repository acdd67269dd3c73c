import { Pause, Play } from "lucide-react";
import { useState } from "react";
import { explain } from "../../api/problems.ts";
import { queryClient } from "../../api/queries.ts";
import { api } from "../../api/routes.ts";
import type { Queue } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import { messages, useMessages } from "../../i18n/locale.ts";
import { toast } from "../../toasts/toasts.tsx";
import { queuesQuery } from "./polled.ts";

/** Pauses the queue, or has it go on. */
export function PauseButton({ queue }: { queue: Queue }) {
  const { queue: messages } = useMessages();
  const [busy, setBusy] = useState(false);
  const Shown = queue.paused ? Play : Pause;
  return (
    <Button
      look={queue.paused ? "accent" : "plain"}
      icon={<Shown size={16} aria-hidden />}
      disabled={busy}
      onClick={() => {
        setBusy(true);
        void change(queue).finally(() => setBusy(false));
      }}
    >
      {queue.paused ? messages.resume : messages.pause}
    </Button>
  );
}

/** What comes of it is seen on the page; only what fails needs a word. */
async function change(queue: Queue): Promise<void> {
  const { action: say } = messages().queue;
  try {
    const call = queue.paused ? api.resumeQueue : api.pauseQueue;
    const now = await call(queue.name);
    // An answer under way is from before.
    await queryClient.cancelQueries(queuesQuery);
    queryClient.setQueryData(queuesQuery.queryKey, (before) => ({
      items: (before?.items ?? [now]).map((each) => (each.name === now.name ? now : each)),
    }));
  } catch (error) {
    toast.error(say.pauseFailed, { id: `queue-${queue.name}`, text: explain(error, messages()) });
  }
}
