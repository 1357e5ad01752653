namespace Softswitch.Ports.VhostUser;

/// <summary>Feature bits as masks (virtio 1.2 §5.1.3 and §6; QEMU's docs/interop/vhost-user.rst for those of vhost).</summary>
internal static class VirtioFeatures
{
    public const ulong VIRTIO_NET_F_CSUM = 1ul << 0;
    public const ulong VIRTIO_NET_F_GUEST_CSUM = 1ul << 1;
    public const ulong VIRTIO_NET_F_MTU = 1ul << 3;
    public const ulong VIRTIO_NET_F_MAC = 1ul << 5;
    public const ulong VIRTIO_NET_F_GUEST_TSO4 = 1ul << 7;
    public const ulong VIRTIO_NET_F_GUEST_TSO6 = 1ul << 8;
    public const ulong VIRTIO_NET_F_GUEST_ECN = 1ul << 9;
    public const ulong VIRTIO_NET_F_HOST_TSO4 = 1ul << 11;
    public const ulong VIRTIO_NET_F_HOST_TSO6 = 1ul << 12;
    public const ulong VIRTIO_NET_F_HOST_ECN = 1ul << 13;
    public const ulong VIRTIO_NET_F_MRG_RXBUF = 1ul << 15;
    public const ulong VIRTIO_NET_F_STATUS = 1ul << 16;
    public const ulong VIRTIO_NET_F_GUEST_ANNOUNCE = 1ul << 21;
    public const ulong VIRTIO_NET_F_MQ = 1ul << 22;
    public const ulong VHOST_F_LOG_ALL = 1ul << 26;
    public const ulong VIRTIO_F_ANY_LAYOUT = 1ul << 27;
    public const ulong VIRTIO_F_RING_INDIRECT_DESC = 1ul << 28;
    public const ulong VIRTIO_F_RING_EVENT_IDX = 1ul << 29;
    public const ulong VHOST_USER_F_PROTOCOL_FEATURES = 1ul << 30;
    public const ulong VIRTIO_F_VERSION_1 = 1ul << 32;
    public const ulong VIRTIO_F_IN_ORDER = 1ul << 35;
    public const ulong VIRTIO_NET_F_GUEST_USO4 = 1ul << 54;
    public const ulong VIRTIO_NET_F_GUEST_USO6 = 1ul << 55;
    public const ulong VIRTIO_NET_F_HOST_USO = 1ul << 56;

    /// <summary>What the rings can do.</summary>
    public const ulong Rings =
        VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_F_HOST_USO
        | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN
        | VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6 | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_ANY_LAYOUT
        | VIRTIO_F_RING_INDIRECT_DESC | VIRTIO_F_RING_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_IN_ORDER | VHOST_F_LOG_ALL;
}
