using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

[Trait("Ring", "peers")]
public sealed class ReservedHugePagesTests
{
    [Fact]
    public void Pages_are_free_while_reserved_and_given_back_then()
    {
        Needs.Root();
        long before = Machine.ReadMemory("HugePages_Total");
        int more = (int)ReservedHugePages.FreeMiB + 4;
        using (ReservedHugePages? pages = ReservedHugePages.TryReserve(more))
        {
            Assert.SkipWhen(pages == null, "this system reserves no huge pages");
            Assert.True(ReservedHugePages.FreeMiB >= more);
        }
        Assert.Equal(before, Machine.ReadMemory("HugePages_Total"));
    }

    [Fact]
    public void More_than_there_is_leaves_nothing_reserved()
    {
        Needs.Root();
        long before = Machine.ReadMemory("HugePages_Total");
        Assert.Null(ReservedHugePages.TryReserve(int.MaxValue));
        Assert.Equal(before, Machine.ReadMemory("HugePages_Total"));
    }
}
