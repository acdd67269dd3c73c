import styles from "./Waiting.module.css";

const TILES = 12;

/** Where the grid will be. */
export function Waiting() {
  return (
    <div className={styles.grid} aria-hidden>
      {Array.from({ length: TILES }, (_, index) => (
        <div key={index} className={styles.tile} />
      ))}
    </div>
  );
}
