/** What is around every page: header with navigation and switches, the way in for photos. */

import { Monitor, Moon, Sun } from "lucide-react";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { Button } from "../design/Button.tsx";
import { LOCALES, useLocaleStore, useMessages } from "../i18n/locale.ts";
import { AddPhotos } from "../upload/AddPhotos.tsx";
import { LinkState } from "./LinkState.tsx";
import styles from "./Shell.module.css";
import { THEMES, useTheme } from "./theme.ts";

export function Shell({ children }: { children: ReactNode }) {
  const { app } = useMessages();
  return (
    <>
      <a href="#content" className={styles.skip}>
        {app.skip}
      </a>
      <header className={styles.header}>
        <div className={styles.inner}>
          <Link href="/" className={styles.brand} aria-label={app.name}>
            <Mark />
            <span>{app.name}</span>
          </Link>
          <nav className={styles.nav} aria-label={app.name}>
            <Place href="/">{app.photos}</Place>
            <Place href="/queue">{app.queue}</Place>
          </nav>
          <div className={styles.tools}>
            <LinkState />
            <LocaleSwitch />
            <ThemeSwitch />
            <AddPhotos compact />
          </div>
        </div>
      </header>
      <main id="content" tabIndex={-1} className={styles.main}>
        {children}
      </main>
    </>
  );
}

function Place({ href, children }: { href: string; children: ReactNode }) {
  const [path] = useLocation();
  const here = href === "/" ? path === "/" || path.startsWith("/photos") : path.startsWith(href);
  return (
    <Link href={href} className={styles.place} aria-current={here ? "page" : undefined}>
      {children}
    </Link>
  );
}

function LocaleSwitch() {
  const { locale, choose } = useLocaleStore();
  const { app } = useMessages();
  const other = LOCALES.find((each) => each !== locale) ?? locale;
  return (
    <Button look="quiet" label={`${app.language} : ${other}`} onClick={() => choose(other)}>
      {other.toUpperCase()}
    </Button>
  );
}

const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon };

function ThemeSwitch() {
  const { theme, choose } = useTheme();
  const { app } = useMessages();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  const Shown = THEME_ICONS[theme];
  return (
    <Button
      look="quiet"
      label={`${app.theme} : ${app.themes[theme]}`}
      icon={<Shown size={18} strokeWidth={1.75} aria-hidden />}
      onClick={() => choose(next)}
    />
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" className={styles.mark}>
      <rect width="32" height="32" rx="9" />
      <path d="M8 11.5h16M8 16.5h10M8 21.5h6" />
      <circle cx="22.5" cy="20" r="3.2" />
    </svg>
  );
}
