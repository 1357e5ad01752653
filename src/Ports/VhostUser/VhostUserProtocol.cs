namespace Softswitch.Ports.VhostUser;

/// <summary>
/// What front-end and back-end agree on of the protocol itself, as masks (docs/interop/vhost-user.rst, "Protocol features").
/// </summary>
internal static class VhostUserProtocol
{
    public const ulong VHOST_USER_PROTOCOL_F_MQ = 1ul << 0;
    public const ulong VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1ul << 1;
    public const ulong VHOST_USER_PROTOCOL_F_RARP = 1ul << 2;
    public const ulong VHOST_USER_PROTOCOL_F_REPLY_ACK = 1ul << 3;
    public const ulong VHOST_USER_PROTOCOL_F_MTU = 1ul << 4;
    public const ulong VHOST_USER_PROTOCOL_F_RESET_DEVICE = 1ul << 13;
    public const ulong VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 1ul << 15;
    public const ulong VHOST_USER_PROTOCOL_F_STATUS = 1ul << 16;

    /// <summary>Those this back-end has.</summary>
    public const ulong Offered =
        VHOST_USER_PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_LOG_SHMFD | VHOST_USER_PROTOCOL_F_RARP | VHOST_USER_PROTOCOL_F_REPLY_ACK
        | VHOST_USER_PROTOCOL_F_MTU | VHOST_USER_PROTOCOL_F_RESET_DEVICE | VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS
        | VHOST_USER_PROTOCOL_F_STATUS;
}
