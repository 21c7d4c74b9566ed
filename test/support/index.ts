export { eventually, exitOf, must, type Outcome, PROJECT, type RunOptions, run, start } from './command.ts';
export { type DaemonOptions, startDaemon, type TestDaemon } from './daemon.ts';
export { type Footprint, lasting } from './footprint.ts';
export { imageFile, type TestImage } from './images.ts';
export { type LoadOptions, type LoadResult, startLoad } from './load.ts';
export { ComposeProject } from './project.ts';
export { startRegistry, type TestRegistry } from './registry.ts';
export { Terminal } from './terminal.ts';
export { HOST_ADDRESS, NEIGHBOUR_ADDRESS, startTestHost, type TestHost, UPLINK_MTU } from './test-host.ts';
