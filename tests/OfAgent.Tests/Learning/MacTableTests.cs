using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Learning;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Learning;

public class MacTableTests
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(300);

    [Fact]
    public void An_address_is_found_where_it_was_last_seen()
    {
        MacTable table = new(64, Lifetime);
        Assert.False(table.Learn(new MacAddress(1), 5, 7, nowMilliseconds: 0));
        Assert.True(table.Learn(new MacAddress(1), 5, 8, nowMilliseconds: 1));
        Assert.True(table.TryFind(new MacAddress(1), 5, 2, out ushort port));
        Assert.Equal(8, port);
        Assert.False(table.TryFind(new MacAddress(1), 6, 2, out _));
        Assert.False(table.TryFind(new MacAddress(2), 5, 2, out _));
    }

    [Fact]
    public void An_address_not_seen_for_its_lifetime_is_forgotten()
    {
        MacTable table = new(64, Lifetime);
        table.Learn(new MacAddress(1), 0xffff, 7, 0);
        Assert.True(table.TryFind(new MacAddress(1), 0xffff, 300_000, out _));
        Assert.False(table.TryFind(new MacAddress(1), 0xffff, 300_001, out _));
    }

    [Fact]
    public void A_port_that_goes_takes_its_addresses_along()
    {
        MacTable table = new(64, Lifetime);
        table.Learn(new MacAddress(1), 0, 7, 0);
        table.Learn(new MacAddress(2), 0, 8, 0);
        Assert.True(table.Close(7));
        Assert.False(table.Close(7));
        Assert.False(table.TryFind(new MacAddress(1), 0, 0, out _));
        Assert.True(table.TryFind(new MacAddress(2), 0, 0, out _));
        Assert.Equal((true, false), (table.IsClosed(7), table.IsClosed(8)));
        table.Open(7);
        Assert.False(table.IsClosed(7));
    }

    [Fact]
    public void A_million_strangers_neither_grow_it_nor_push_out_who_is_seen_all_the_time()
    {
        MacTable table = new(1024, Lifetime);
        bool found = true;
        long now = 0;
        long allocated = Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 1_000_000; i++, now++)
            {
                table.Learn(new MacAddress(0xabcdef), 0, 3, now);
                table.Learn(new MacAddress((ulong)i + 0x1000_0000_0000), 0, 4, now);
                found &= table.TryFind(new MacAddress(0xabcdef), 0, now, out ushort port) && port == 3;
            }
        });
        Assert.True(found);
        Assert.Equal(0, allocated);
    }
}
