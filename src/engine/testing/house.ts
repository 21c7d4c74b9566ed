import { notFound } from '../../base/index.ts';
import type { Images } from '../../images/index.ts';
import { plainImage } from '../../model/testing/image.ts';
import type { Attachment, AttachRequest, Network } from '../../network/index.ts';
import type { Volumes } from '../../volumes/index.ts';

const image = plainImage();

/** The layers, networks and volumes of an engine under test: what exists is listed, nothing is done. */
export class FakeHouse {
  layers = new Map<string, { mounted: boolean }>();
  attached = new Map<string, Attachment>();
  startedWith: readonly Attachment[] = [];
  /** Called around each take-over: what they throw makes it fail there. */
  beforeTakeOver: () => void = () => undefined;
  afterTakeOver: () => void = () => undefined;

  images(): Images {
    const { layers } = this;
    const fake = {
      list: () => [image],
      get(reference: string) {
        if (reference !== 'busybox') throw notFound(`No such image: ${reference}`);
        return image;
      },
      onEvent: () => undefined,
      touch: () => undefined,
      layers: {
        create: async (id: string) => void layers.set(id, { mounted: false }),
        mount: async (id: string) => (layers.set(id, { mounted: true }), `/fake/${id}`),
        unmount: async (id: string) => void (layers.has(id) && layers.set(id, { mounted: false })),
        remove: async (id: string) => void layers.delete(id),
        list: async () => [...layers].map(([containerId, { mounted }]) => ({ containerId, mounted })),
        size: async () => 0,
        storage: async () => 0,
        path: (id: string) => `/fake/${id}`,
      },
    };
    return fake as unknown as Images;
  }

  network(): Network {
    const { attached } = this;
    const named = (name: string) => ({ id: name, name, driver: name === 'none' ? 'null' : name === 'host' ? 'host' : 'bridge' });
    const fake = {
      list: () => [],
      onTrouble: () => () => undefined,
      get: named,
      start: async (attachments: readonly Attachment[]) => {
        this.startedWith = attachments;
        for (const one of attachments) attached.set(one.containerId, one);
      },
      attach: async ({ containerId, spec, standby }: AttachRequest) => {
        const attachment: Attachment = {
          containerId,
          namespace: '/fake/netns',
          endpoints: [],
          publishedPorts: standby ? [] : portsOf(spec),
        };
        attached.set(containerId, attachment);
        return attachment;
      },
      takeOver: async ({ containerId, spec }: AttachRequest, from: string | undefined) => {
        this.beforeTakeOver();
        const old = attached.get(from ?? '');
        if (old) attached.set(old.containerId, { ...old, publishedPorts: [] });
        attached.set(containerId, { containerId, namespace: '/fake/netns', endpoints: [], publishedPorts: portsOf(spec) });
        this.afterTakeOver();
        return attached.get(containerId);
      },
      hide: (id: string) => attached.get(id),
      detach: async (id: string) => void attached.delete(id),
      attachments: () => attached,
      rename: ({ containerId }: { containerId: string }) => attached.get(containerId),
      resolverFile: async () => '',
      hostsFile: async () => '',
    };
    return fake as unknown as Network;
  }

  volumes(): Volumes {
    return {
      list: () => [],
      hold: async () => '/fake',
      release: async () => undefined,
      unmountUnused: async () => undefined,
    } as unknown as Volumes;
  }
}

/** Every port that is asked for, as it would be published. */
const portsOf = ({ ports }: AttachRequest['spec']) =>
  ports.map(({ containerPort, protocol, hostPorts }) => ({
    containerPort,
    protocol,
    hostAddress: '0.0.0.0',
    hostPort: hostPorts?.from ?? 0,
  }));
