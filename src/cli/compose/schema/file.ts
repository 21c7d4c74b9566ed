import { service } from './service.ts';
import { either, listOf, mapOf, named, object, orNull, pairs, type Schema, text, textOrTexts, truth } from './words.ts';

const options = mapOf({ type: ['string', 'number'] });
const external = either(truth, object({ name: text }));

const network = orNull(
  object({
    name: text,
    driver: text,
    driver_opts: options,
    ipam: object({
      driver: text,
      config: listOf(object({ subnet: text, ip_range: text, gateway: text, aux_addresses: mapOf(text) })),
      options: mapOf(text),
    }),
    external,
    internal: truth,
    enable_ipv4: truth,
    enable_ipv6: truth,
    attachable: truth,
    labels: pairs,
  }),
);

const volume = orNull(object({ name: text, driver: text, driver_opts: options, external, labels: pairs }));

const secret = object({
  name: text,
  environment: text,
  file: text,
  external,
  labels: pairs,
  driver: text,
  driver_opts: options,
  template_driver: text,
});
const config = object({ name: text, content: text, environment: text, file: text, external, labels: pairs, template_driver: text });

const include = listOf(either(text, object({ path: textOrTexts, env_file: textOrTexts, project_directory: text }, ['path'])));

/** One file of the Compose Specification. */
export const file: Schema = object({
  version: { type: ['string', 'number'] },
  name: text,
  include,
  services: named(orNull(service)),
  networks: named(network),
  volumes: named(volume),
  secrets: named(secret),
  configs: named(config),
  models: mapOf({}),
});
