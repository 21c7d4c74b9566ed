export { createDockerApi, type DockerApiOptions } from './api.ts';
