using System.Net.Sockets;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>A copy from one hypervisor to the other, between two namespaces.</summary>
[Trait("Ring", "peers")]
public sealed class TcpStreamTests : IDisposable
{
    private const ushort From = 49_152;
    private const ushort To = 8002;

    private readonly LabHost _source;
    private readonly LabHost _destination;

    public TcpStreamTests()
    {
        Needs.Namespaces();
        _source = LabHost.Numbered(1);
        _destination = LabHost.Numbered(2);
        _source.Connect(_destination.Network, _destination.NextInterface);
        _destination.Accept(_source.Network, _source.CurrentInterface);
    }

    public void Dispose()
    {
        _source.Dispose();
        _destination.Dispose();
    }

    [Fact]
    public void Connection_handed_over_carries_what_else_there_is_from_the_next_byte_on()
    {
        using TcpStream copy = TcpStream.StartCopy(_source, _destination, _destination.Address, From, To);
        Eventually.True(() => copy.Arrived > 10_000_000, () => $"{copy.Arrived} bytes have arrived");

        TcpSummary summary = copy.HandOver(out Socket from, out Socket to);
        from.Send([1, 2, 3]);
        byte[] received = new byte[16];
        int length = to.Receive(received);

        Assert.True(summary.IsWhole, $"{summary}");
        Assert.Equal([1, 2, 3], received[..length]);
    }

    [Fact]
    public void Bounded_copy_sends_so_many_bytes_and_no_more()
    {
        const long bound = 3_000_001;
        using TcpStream copy = TcpStream.StartCopy(_source, _destination, _destination.Address, From, To, most: 0);
        copy.Bound(bound);
        Eventually.True(() => copy.Arrived >= bound, () => $"{copy.Arrived} bytes have arrived");

        TcpSummary summary = copy.Stop();

        Assert.True(summary.IsWhole, $"{summary}");
        Assert.Equal(bound, summary.Bytes);
    }
}
