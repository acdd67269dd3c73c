import { ImageUp } from "lucide-react";
import { useEffect, useState } from "react";
import { useMessages } from "../i18n/locale.ts";
import styles from "./DropZone.module.css";
import { takeFiles } from "./incoming.ts";
import { isSending } from "./upload.ts";

/** The whole page takes photos; this is what it shows while some hang above it. */
export function DropZone() {
  const { upload } = useMessages();
  const [hovering, setHovering] = useState(false);
  useEffect(() => takeFiles(setHovering), []);
  useEffect(() => {
    // Files that have not arrived are lost with the page: the browser asks first.
    const ask = (event: BeforeUnloadEvent) => isSending() && event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
  if (!hovering) return null;
  return (
    <div className={styles.zone}>
      <div className={styles.frame}>
        <ImageUp size={44} strokeWidth={1.4} aria-hidden />
        <p className={styles.title}>{upload.drop}</p>
        <p className={styles.hint}>{upload.dropHint}</p>
      </div>
    </div>
  );
}
