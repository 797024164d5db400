// Opens the two sides of one repository over HTTP, with what a warm process remembers of their servers.
import type { HttpClient } from "../ports.ts";
import { createMirror, type Mirror, type PushFeatures } from "./mirror.ts";
import { FeatureCache, type UploadFeatures } from "./refs.ts";
import { type Endpoint, SmartHttp } from "./smart-http.ts";
import { createSource, type Source } from "./source.ts";

export type RemoteMemory = { uploads: FeatureCache<UploadFeatures>; pushes: FeatureCache<PushFeatures> };

export function createRemoteMemory(): RemoteMemory {
  return { uploads: new FeatureCache(), pushes: new FeatureCache() };
}

export function openSource(http: HttpClient, endpoint: Endpoint, memory: RemoteMemory, signal?: AbortSignal): Source {
  return createSource(new SmartHttp(http, endpoint, signal), memory.uploads);
}

export function openMirror(http: HttpClient, endpoint: Endpoint, memory: RemoteMemory, signal?: AbortSignal): Mirror {
  return createMirror(new SmartHttp(http, endpoint, signal), memory.uploads, memory.pushes);
}
