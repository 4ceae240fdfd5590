import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { lineOfText, text } from '#kit/text/schema';

export const PlaylistNotFound = defineProblem('playlist.not-found', 404, 'Playlist not found');
export const TooManyPlaylists = defineProblem('playlist.too-many', 409, 'Playlist limit reached');
export const TooManyVideos = defineProblem('playlist.too-many-videos', 409, 'Playlist is full');
export const VideoAlreadyInPlaylist = defineProblem(
  'playlist.video-already-there',
  409,
  'Video already in playlist',
);
export const VideoNotInPlaylist = defineProblem('playlist.video-not-there', 404, 'Video not in playlist');
export const OrderMismatch = defineProblem(
  'playlist.other-videos',
  409,
  'Order does not match the videos of the playlist',
);
export const UnknownVideo = defineProblem('video.unknown', 422, 'Unknown video');
export const VideosUnavailable = defineProblem('video.unavailable', 503, 'Video service unavailable');

export const MAX_PLAYLISTS = 500;
export const MAX_VIDEOS = 1_000;
/** The maximum of one lookup at the video service. */
const MAX_VIDEOS_PER_REQUEST = 100;

const VIDEO_ID = '01682885-aa80-7d3c-9a41-5e0d1f6b7c22';
const PLAYLIST_ID = '0198c1f2-0a4b-7c3d-8e5f-60718293a4b5';

export const NAME_LIMITS = { max: 200, maxUnits: 1_600 } as const;
export const Name = lineOfText(NAME_LIMITS, { examples: ['Rainy evenings'] });
export const Description = text(
  { min: 0, max: 2_000, maxUnits: 16_000 },
  { examples: ['Nothing longer than two hours'] },
);
export const Visibility = Type.Union(
  [Type.Literal('public'), Type.Literal('unlisted'), Type.Literal('private')],
  {
    error: 'public, unlisted or private',
    description: '`unlisted`: visible to everyone who has the link',
    examples: ['public'],
  },
);
export const VideoId = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,64}$',
  error: 'A video id',
  examples: [VIDEO_ID],
});
const Position = Type.Integer({
  minimum: 0,
  maximum: 1_000_000,
  description: 'Zero-based; beyond the end means the end',
  examples: [0],
});

export const NewPlaylist = Type.Object({
  name: Name,
  description: Type.Optional(Description),
  visibility: Type.Optional(Visibility),
  video_ids: Type.Optional(
    Type.Array(VideoId, {
      maxItems: MAX_VIDEOS_PER_REQUEST,
      uniqueItems: true,
      error: 'At most 100 unique ids',
    }),
  ),
});
export type NewPlaylist = Static<typeof NewPlaylist>;

/** PUT: a missing field is reset to its default. */
export const PlaylistProperties = Type.Omit(NewPlaylist, ['video_ids']);
export type PlaylistProperties = Static<typeof PlaylistProperties>;

/** PATCH: a missing field is unchanged. */
export const PlaylistUpdate = Type.Partial(PlaylistProperties, { minProperties: 1 });
export type PlaylistUpdate = Static<typeof PlaylistUpdate>;

export const NewVideos = Type.Object({
  video_id: Type.Optional(VideoId),
  video_ids: Type.Optional(
    Type.Array(VideoId, {
      minItems: 1,
      maxItems: MAX_VIDEOS_PER_REQUEST,
      uniqueItems: true,
      error: '1 to 100 unique ids',
      description: 'Several videos, instead of `video_id`',
    }),
  ),
  position: Type.Optional(Position),
});
export type NewVideos = Static<typeof NewVideos>;

export const Reordering = Type.Object(
  {
    video_id: Type.Optional(VideoId),
    position: Type.Optional(Position),
    video_ids: Type.Optional(
      Type.Array(VideoId, {
        maxItems: MAX_VIDEOS,
        uniqueItems: true,
        error: 'Unique video ids',
      }),
    ),
  },
  {
    description: 'Either one video and its new position, or all videos in their new order',
    examples: [{ video_id: VIDEO_ID, position: 0 }],
  },
);
export type Reordering = Static<typeof Reordering>;

export const PlaylistCopy = Type.Partial(Type.Pick(NewPlaylist, ['name', 'visibility']));
export type PlaylistCopy = Static<typeof PlaylistCopy>;

export const Playlist = Type.Object({
  id: Type.String({ examples: [PLAYLIST_ID] }),
  owner_id: Type.String({ examples: ['0198c1f2-0a4b-7c3d-8e5f-1029384756af'] }),
  // What is stored is shown, also where an earlier version accepted more.
  name: Type.String({ examples: ['Rainy evenings'] }),
  description: Type.String({ examples: ['Nothing longer than two hours'] }),
  visibility: Visibility,
  version: Type.Integer({ description: 'Incremented on every change; also the `ETag`', examples: [3] }),
  videos_count: Type.Integer({ examples: [1] }),
  created_at: Type.String({ format: 'date-time' }),
  updated_at: Type.String({ format: 'date-time' }),
});
export type Playlist = Static<typeof Playlist>;

export const PlaylistWithVideos = Type.Composite([
  Playlist,
  Type.Object({
    videos: Type.Array(Type.Object({ video_id: VideoId, added_at: Type.String({ format: 'date-time' }) }), {
      description: 'In playlist order',
    }),
  }),
]);
export type PlaylistWithVideos = Static<typeof PlaylistWithVideos>;

export const PlaylistPage = PageOf(Playlist);

export const PlaylistQuery = Type.Composite([
  PageQuery,
  Type.Object({
    owner: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
        error: 'A user id',
        description: 'List the public playlists of this user; default: my own playlists',
      }),
    ),
  }),
]);
export type PlaylistQuery = Static<typeof PlaylistQuery>;
