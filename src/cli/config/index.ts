export { contextEndpoint, contextKey, listContexts, metaFolder, readContext, type StoredContext, tlsFolder } from './contexts.ts';
export { type AuthConfig, authFor, authHeader, eraseAuth, HUB_KEY, registryKey, storeAuth } from './credentials.ts';
export { chooseEndpoint, currentContext, type Env, environmentAddress } from './endpoint.ts';
export { type ConfigFile, Settings } from './settings.ts';
