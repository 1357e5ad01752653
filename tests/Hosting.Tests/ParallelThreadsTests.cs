using System.Collections.Concurrent;

namespace Softswitch.Hosting.Tests;

public sealed class ParallelThreadsTests
{
    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 2)]
    [InlineData(9, 2)]
    [InlineData(3, 9)]
    public void Everything_is_done_once_by_few_threads(int things, int most)
    {
        var done = new ConcurrentBag<int>();
        var threads = new ConcurrentDictionary<int, bool>();
        ParallelThreads.ForEach([.. Enumerable.Range(0, things)], most, thing =>
        {
            threads[Environment.CurrentManagedThreadId] = true;
            done.Add(thing);
        });
        Assert.Equal(Enumerable.Range(0, things), done.Order());
        Assert.True(threads.Count <= most);
    }

    [Fact]
    public void What_fails_is_told_when_all_the_others_are_done()
    {
        var done = new ConcurrentBag<int>();
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => ParallelThreads.ForEach([1, 2, 3], most: 2, thing =>
        {
            done.Add(thing);
            if (thing == 1)
            {
                throw new InvalidOperationException("one");
            }
        }));
        Assert.Equal("one", failure.Message);
        Assert.Equal([1, 2, 3], done.Order());
    }
}
