using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Linux.Ebpf;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.KernelOffload;

[Trait("Ring", "peers")]
public sealed class GrowingHashTests
{
    private const ulong Most = 20_000;

    [Fact]
    public void It_grows_with_all_that_is_in_it_until_it_may_not()
    {
        Needs.Namespaces();
        using GrowingHash<ulong, ulong> table = new((uint)Most);
        for (ulong i = 0; i < Most; i++)
        {
            Assert.True(table.TryInsert(i, i * 3), $"{i}");
        }
        Assert.False(table.TryInsert(Most, 1));
        Assert.False(table.TryInsert(0, 1)); // there already
        table.Delete(7);
        Assert.True(table.TryInsert(Most, 1));
        (ulong[] keys, ulong[] values) = (new ulong[Most], new ulong[Most]);
        Assert.Equal((int)Most, Bpf.ReadAll<ulong, ulong>(table.Table, keys, values));
        Array.Sort(keys, values);
        Assert.Equal(Enumerable.Range(0, (int)Most + 1).Select(i => (ulong)i).Where(i => i != 7), keys);
        Assert.Equal(keys.Select(i => i == Most ? 1 : i * 3), values);
    }
}
