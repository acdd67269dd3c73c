import { useMessages } from "../i18n/locale.ts";

/** The queue, for operators. */
export default function QueuePage() {
  const { queue } = useMessages();
  return <h1>{queue.title}</h1>;
}
