/** The views of a group, live. */

import { useEffect } from "react";
import { queryClient, useStages } from "../api/queries.ts";
import type { Photo, Stage } from "../api/types.ts";
import { useMessages } from "../i18n/locale.ts";
import type { Live } from "../live/merge.ts";
import { useLive, useNow } from "../live/store.ts";
import { type Group, itemOfPhoto } from "../upload/groups.ts";
import { type Seen, seenOf } from "./seen.ts";

const NONE: readonly Stage[] = [];

/** In components: a photo as it is at this moment, whoever uploaded it. */
export function useSeenPhoto(photo: Photo): Seen {
  const live = useNow(photo);
  const { stage } = useMessages();
  const { data: stages = NONE } = useStages();
  return seenOf(itemOfPhoto(photo), live, stages, stage.upload);
}

/** In components: each item of a group as it is at this moment. */
export function useSeen(group: Group): readonly Seen[] {
  const photos = useLive((state) => state.photos);
  const { stage } = useMessages();
  const { data: stages = NONE } = useStages();
  const seen = group.items.map((item) => {
    const live = item.photoId === undefined ? undefined : photos.get(item.photoId);
    return seenOf(item, live, stages, stage.upload);
  });
  const unknown = seen.find(({ live, view }) => view.phase === "working" && !isKnown(live, stages));
  const unknownStage = unknown?.live?.stage;
  useEffect(() => {
    // The tagger has learned a stage since the list was read, or had never started before.
    if (unknownStage) void queryClient.invalidateQueries({ queryKey: ["stages"] });
  }, [unknownStage]);
  return seen;
}

function isKnown(live: Live | undefined, stages: readonly Stage[]): boolean {
  return stages.some((stage) => stage.id === live?.stage);
}
