/** The page: which path shows what, and what is over all of them. */

import { QueryClientProvider } from "@tanstack/react-query";
import { Link, Route, Switch, useLocation } from "wouter";
import { queryClient } from "../api/queries.ts";
import { Notice } from "../design/Notice.tsx";
import { useMessages } from "../i18n/locale.ts";
import { ProgressLayer } from "../modal/ProgressLayer.tsx";
import { Gallery } from "../pages/Gallery.tsx";
import { Toasts } from "../toasts/toasts.tsx";
import { DropZone } from "../upload/DropZone.tsx";
import { Boundary } from "./Boundary.tsx";
import { KeyDialog } from "./KeyDialog.tsx";
import { later } from "./later.tsx";
import { Shell } from "./Shell.tsx";

// Visited less.
const PhotoPage = later(() => import("../pages/PhotoPage.tsx"));
const QueuePage = later(() => import("../pages/QueuePage.tsx"));

export function App() {
  const [path] = useLocation();
  return (
    <QueryClientProvider client={queryClient}>
      <Shell>
        <Boundary key={path}>
          <Switch>
            <Route path="/" component={Gallery} />
            <Route path="/photos/:id">{({ id }) => <PhotoPage key={id} id={Number(id)} />}</Route>
            <Route path="/queue" component={QueuePage} />
            <Route component={NotFound} />
          </Switch>
        </Boundary>
      </Shell>
      <ProgressLayer />
      <DropZone />
      <KeyDialog />
      <Toasts />
    </QueryClientProvider>
  );
}

function NotFound() {
  const { app } = useMessages();
  return (
    <Notice icon="search" title={app.notFound} whole>
      <Link href="/">{app.toPhotos}</Link>
    </Notice>
  );
}
