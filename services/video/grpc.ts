import { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { VideoDeps } from './deps';
import { Lookup } from './model';
import { lookupVideos } from './service';

export const videoGrpc = (deps: Pick<VideoDeps, 'catalogue' | 'failures'>) =>
  grpcService(VideoServiceDefinition, {
    async lookupVideos(request, call) {
      const { items } = await lookupVideos(deps, validated(Lookup, request), call.signal);
      return {
        videos: items.map(({ id, title, channel, duration_seconds }) => ({
          id,
          title,
          channel,
          duration_seconds,
        })),
      };
    },
  });
