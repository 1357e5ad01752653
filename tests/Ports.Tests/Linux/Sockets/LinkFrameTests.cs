using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.Tests.Linux.Sockets;

/// <summary>Why packets are not sent, by what the kernel says.</summary>
public sealed class LinkFrameTests
{
    [Theory]
    [InlineData(Errno.ENETDOWN, DropReason.LinkDown)]
    [InlineData(Errno.ENXIO, DropReason.LinkDown)]
    [InlineData(Errno.ENODEV, DropReason.LinkDown)]
    [InlineData(Errno.EIO, DropReason.LinkDown)]
    [InlineData(Errno.EBADFD, DropReason.LinkDown)]
    [InlineData(Errno.EMSGSIZE, DropReason.TooLong)]
    [InlineData(Errno.EPERM, DropReason.DeviceRefused)]
    [InlineData(Errno.EINVAL, DropReason.DeviceRefused)]
    internal void An_error_of_the_kernel_has_a_reason(int error, DropReason reason) => Assert.Equal(reason, LinkFrame.ReasonOf(error));
}
